"""What a comparison concludes from records: which rows differ, which are bad everywhere, what got worse."""

from __future__ import annotations

import pytest

from harness.report.comparison import build
from harness.report.comparison.values import NO_RUN, NOT_ASKED, Kind, Run
from tests.unit.report.comparison.runs_by_hand import compared, decided, everything, record


@pytest.mark.parametrize(
    ("verdicts", "kind"),
    [
        (("PASS", "PASS"), Kind.HOLDS),
        (("PASS", "FAIL"), Kind.DIFFERS),
        (("FAIL", "SKIP"), Kind.DIFFERS),
        (("PASS", "SKIP"), Kind.APPLIES),
        (("UNKNOWN", "SKIP"), Kind.DIFFERS),
        (("PASS", "SKIP", "FAIL"), Kind.DIFFERS),
        (("PASS", "SKIP", None), Kind.APPLIES),
        (("UNKNOWN", "FAIL"), Kind.DIFFERS),
        (("PASS", "UNKNOWN"), Kind.DIFFERS),
        (("FAIL", "FAIL"), Kind.BAD),
        (("UNKNOWN", "UNKNOWN"), Kind.BAD),
        (("SKIP", "SKIP"), Kind.SKIPPED),
        (("PASS", None), Kind.UNASKED),
        (("SKIP", None), Kind.UNASKED),
        (("FAIL", None), Kind.BAD),
        (("PASS", "FAIL", None), Kind.DIFFERS),
        (("PASS", "PASS", "PASS"), Kind.HOLDS),
    ],
)
def test_each_row_is_of_one_kind(verdicts: tuple[str | None, ...], kind: Kind) -> None:
    """Verdicts that differ come first; broken or unknown everywhere is never called the same."""
    columns = [(decided("A-1", each),) if each else (decided("B-1", "PASS"),) for each in verdicts]
    row = next(row for row in compared(*columns).rows if row.id == "A-1")
    assert row.kind is kind
    assert [cell.verdict for cell in row.cells] == [each or NOT_ASKED for each in verdicts]


def test_the_same_verdict_from_other_tests_is_seen() -> None:
    """A promise that passes in both, but by fewer tests in one, is not simply the same: the other test is named."""
    both = (decided("A-1", "PASS"), decided("A-1", "PASS", name="t::v6"))
    for fewer in ((decided("A-1", "PASS"),), (decided("A-1", "PASS"), decided("A-1", "SKIP", "no v6", name="t::v6"))):
        (row,) = compared(both, fewer).rows
        assert row.kind is Kind.PARTLY
        assert len(row.cells[1].reasons()) == 1
    assert row.cells[1].reasons() == (("SKIP", "no v6", "no v6"),)
    (row,) = compared(both, both[:1]).rows
    assert row.cells[1].reasons() == ((NOT_ASKED, "t::v6", "t::v6"),)
    assert row.cells[0].reasons() == ()


def test_a_column_that_is_not_whole_is_not_blamed_for_what_it_never_asked() -> None:
    """Of an interrupted run only what it asked is compared."""
    both = (decided("A-1", "PASS"), decided("A-1", "PASS", name="t::v6"))
    (row,) = compared(both, both[:1], problems=("", "interrupted")).rows
    assert row.kind is Kind.HOLDS
    (row,) = compared(both, (decided("A-1", "FAIL"),), problems=("", "interrupted")).rows
    assert row.kind is Kind.DIFFERS


def test_a_column_without_a_result_takes_part_in_nothing() -> None:
    """It is shown as `no run`; the others are compared as if it were not there, and the sentence says so."""
    runs = [Run("a", record=record(decided("A-1", "PASS"))), Run("b", problem="did not come up: no image")]
    comparison = build.compare([*runs, Run("c", record=record(decided("A-1", "PASS")))], texts={}, title="t")
    (row,) = comparison.rows
    assert row.kind is Kind.HOLDS
    assert [cell.verdict for cell in row.cells] == ["PASS", NO_RUN, "PASS"]
    assert comparison.verdict == "no difference in 1 promises; 1 of 3 columns have no result"
    alone = build.compare(runs, texts={}, title="t")
    assert alone.verdict == "nothing to compare: 1 of 2 columns have a result"


def test_what_was_not_asked_everywhere_is_not_called_the_same() -> None:
    """Two runs of different selections agree only in what both asked."""
    comparison = compared((decided("A-1", "PASS"), decided("A-2", "PASS")), (decided("A-1", "PASS"),))
    assert comparison.verdict == "no difference in 1 promises; 1 more were not asked everywhere"


def test_what_must_be_seen_comes_first() -> None:
    """What differs, the worst first; what is bad everywhere; what does not apply somewhere; ids count as numbers."""
    rows = [
        ("A-10", "PASS", "SKIP"),
        ("A-9", "PASS", "SKIP"),
        ("A-1", "PASS", "PASS"),
        ("A-2", "FAIL", "FAIL"),
        ("A-3", "UNKNOWN", "PASS"),
        ("A-4", "PASS", "FAIL"),
    ]
    comparison = compared(
        tuple(decided(id_, first) for id_, first, _ in rows), tuple(decided(id_, second) for id_, _, second in rows)
    )
    assert [row.id for row in comparison.rows] == ["A-4", "A-3", "A-2", "A-9", "A-10", "A-1"]
    assert comparison.verdict == (
        "2 of 4 promises differ, 1 broken or unknown wherever asked, 2 apply in some columns only and hold there"
    )


def test_texts_come_from_the_catalogue_else_from_the_test() -> None:
    """An id that no catalogue has is told by the promise of its test; a test without ids stands for itself."""
    lone = decided("A-2", "PASS")
    nameless = type(lone)("t.py::test_mine", (), "Mine.", "PASS")
    run = Run("a", record=record(decided("A-1", "PASS"), lone, nameless))
    rows = build.compare([run], texts={"A-1": "Catalogue text."}, title="t").rows
    assert {row.id: row.text for row in rows} == {
        "A-1": "Catalogue text.",
        "A-2": "Promise A-2.",
        "t.py::test_mine": "Mine.",
    }


def test_reasons_are_told_once_and_the_worst_first() -> None:
    """Ten tests that say the same are one reason; a reason that is empty says so."""
    tests = [decided("A-1", "SKIP", "no v6", name=f"t::{n}") for n in range(10)]
    (row,) = compared((*tests, decided("A-1", "FAIL", "", name="t::x"), decided("A-1", "PASS"))).rows
    assert [(verdict, short) for verdict, short, _ in row.cells[0].reasons()] == [
        ("FAIL", "no reason was given"),
        ("SKIP", "no v6"),
    ]
    assert row.cells[0].share() == "1 of 12 tests pass"


def test_times_are_side_by_side_largest_difference_first() -> None:
    """Only waits that at least two columns have, and that differ by more than the spacing of looks."""
    first = (decided("A-1", "PASS", dns=0.1, svc=1.0), decided("A-2", "PASS", only=9.0, same=2.0))
    second = (decided("A-1", "PASS", dns=5.1, svc=2.0), decided("A-2", "PASS", same=2.01))
    found = compared(first, second).timings
    assert [(each.what, each.ids, each.seconds) for each in found] == [
        ("dns", ("A-1",), (0.1, 5.1)),
        ("svc", ("A-1",), (1.0, 2.0)),
    ]


@pytest.mark.parametrize(
    ("before", "after", "is_worse"),
    [
        ("PASS", "FAIL", True),
        ("PASS", "UNKNOWN", True),
        ("PASS", "SKIP", True),
        ("PASS", None, True),
        ("UNKNOWN", "FAIL", True),
        ("SKIP", "UNKNOWN", True),
        ("PASS", "PASS", False),
        ("FAIL", "PASS", False),
        ("FAIL", "UNKNOWN", False),
        ("SKIP", None, False),
        ("FAIL", None, True),
        ("UNKNOWN", None, True),
        (None, "FAIL", False),
    ],
)
def test_worse_is_what_says_less_than_the_first_run(before: str | None, after: str | None, is_worse: bool) -> None:
    """Broken is worse than unknown, unknown than skipped, and everything is worse than a promise that holds; what is
    not asked any more is not mended.
    """
    columns = [(decided("A-1", each, "why"),) if each else (decided("B-1", "SKIP"),) for each in (before, after)]
    found = [each for each in build.worse(compared(*columns)) if each.id == "A-1"]
    assert [(each.before, each.after, each.column) for each in found] == (
        [(before, after or NOT_ASKED, "B")] if is_worse else []
    )


@pytest.mark.parametrize(
    ("verdict", "before", "after", "is_worse"),
    [
        ("FAIL", "PASS", "FAIL", True),
        ("FAIL", "UNKNOWN", "FAIL", True),
        ("FAIL", "PASS", "UNKNOWN", True),
        ("PASS", "PASS", "SKIP", True),
        ("PASS", "PASS", None, True),
        ("FAIL", "FAIL", "PASS", False),
        ("PASS", "SKIP", None, False),
        ("PASS", None, "PASS", False),
    ],
)
def test_a_test_that_got_worse_counts_where_the_promise_says_the_same(
    verdict: str, before: str | None, after: str | None, is_worse: bool
) -> None:
    """A promise that another test breaks anyway, or that fewer tests decide, is not the same as before."""
    columns = [
        (decided("A-1", verdict), *([decided("A-1", each, "why", name="t::v6")] if each else ()))
        for each in (before, after)
    ]
    found = list(build.worse(compared(*columns)))
    assert [(each.id, each.before, each.after, each.column) for each in found] == (
        [("t::v6", before, after or NOT_ASKED, "B")] if is_worse else []
    )


def test_a_test_of_many_promises_got_worse_once() -> None:
    """One test that decides two promises is told once."""
    lone = decided("A-1", "FAIL"), decided("A-2", "FAIL", name="t::x")
    shared = [type(lone[0])("t::both", ("A-1", "A-2"), "Both.", verdict) for verdict in ("PASS", "FAIL")]
    found = list(build.worse(compared((*lone, shared[0]), (*lone, shared[1]))))
    assert [(each.id, each.after) for each in found] == [("t::both", "FAIL")]


def test_what_is_broken_and_was_not_asked_before_is_named() -> None:
    """It has nothing to be compared with, and must be seen all the same; what holds anew is no news."""
    first = (decided("A-1", "PASS"),)
    second = (*first, decided("A-2", "FAIL"), decided("A-3", "UNKNOWN"), decided("A-4", "PASS"), decided("A-5", "SKIP"))
    assert list(build.anew(compared(first, second))) == [("B", "A-2"), ("B", "A-3")]


def test_the_sentence_counts_no_difference_where_a_column_did_not_ask() -> None:
    """What is broken in one column and not asked in the other is no promise in which they agree."""
    first, second = (decided("A-1", "FAIL"), decided("A-2", "PASS")), (decided("A-2", "PASS"),)
    assert compared(first, second).verdict == (
        "no difference in 1 promises, 1 broken or unknown wherever asked; 1 more were not asked everywhere"
    )
    both = (decided("A-1", "PASS"), decided("A-1", "PASS", name="t::v6"))
    assert compared(both, both[:1]).verdict == "no difference in 1 promises, 1 alike but not from the same tests"


def test_more_columns_than_letters_have_keys() -> None:
    """The 27th column is AA, not a collision."""
    comparison = compared(*[(decided("A-1", "PASS"),)] * 28)
    assert [column.key for column in comparison.columns][24:] == ["Y", "Z", "AA", "AB"]
    assert compared(*[(decided("A-1", "PASS"),)] * 703).columns[-1].key == "AAA"


def test_the_example_has_a_row_of_every_kind() -> None:
    """What the renderers are tested with leaves no kind out."""
    assert {row.kind for row in everything().rows} == set(Kind)


def test_areas_count_what_holds_of_what_applies() -> None:
    """A skip is told, and does not count against an area; no result is no share; tests without ids are others."""
    nameless = type(decided("x", "PASS"))("t.py::mine", (), "Mine.", "PASS")
    first = record(decided("DNS-1", "PASS"), decided("DNS-2", "FAIL"), decided("DNS-3", "SKIP"), nameless)
    runs = [Run("a", record=first), Run("b", record=record(decided("SVC-1", "SKIP"))), Run("c", problem="no")]
    found = build.compare(runs, texts={}, title="t", areas={"DNS": "Names"}).areas
    assert {area.name: [str(share) for share in area.shares] for area in found} == {
        "Names": ["1 of 2, 1 skipped", "-", "-"],
        "SVC": ["-", "1 skipped", "-"],
        "other tests": ["1 of 1", "-", "-"],
    }
    assert next(area for area in found if area.name == "Names").shares[0].worst == "FAIL"
