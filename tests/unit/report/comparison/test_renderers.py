"""The four ways to show a comparison: all of it is there, what differs first, and text from clusters stays text."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from harness.model.capability import Fact
from harness.report.comparison import build, html, lines, markdown, screen
from harness.report.comparison.values import Comparison, Run
from tests.unit.report.comparison.runs_by_hand import EVIL, compared, decided, everything, record

ORDER = (
    "What differs: 1",
    "Broken or unknown wherever asked: 1",
    "Applies in some columns only, and holds there: 2",
    "Asked in some columns only: 1",
    "Same verdict",
    "Skipped everywhere: 1",
)


def plain(comparison: Comparison) -> str:
    """As lines."""
    return "\n".join(lines.lines(comparison))


def drawn(comparison: Comparison) -> str:
    """As a terminal shows it, without colours."""
    console = Console(file=io.StringIO(), width=200, highlight=False)
    console.print(*screen.tables(comparison))
    return str(console.file.getvalue())  # type: ignore[attr-defined]


HELD, SHOWN = (5,), (1, 2, 3, 4, 6, 7, 8, 9)
LISTING = (html.page, markdown.page)
"""Those that list what holds everywhere; a terminal counts it."""

RENDERERS = {"lines": plain, "screen": drawn, "markdown": markdown.page, "html": html.page}
every = pytest.mark.parametrize("render", RENDERERS.values(), ids=RENDERERS)


@every
def test_what_differs_comes_first_and_everything_is_there(render: object) -> None:
    """Sections in their order, every promise, every column with what it is, reasons, times, and what did not run."""
    page = render(everything())  # type: ignore[operator]
    places = [page.lower().index(heading.lower()) for heading in ORDER]
    assert places == sorted(places)
    for told in (
        *(f"SVC-{number}" for number in HELD + SHOWN if number in SHOWN or render in LISTING),
        "iptables",
        "nftables",
        "v1.36.2",
        "the wire was silent",
        "the stream closed",
        "interrupted after 7 tests",
        "cannot be: CNI kindnet does not replace it",
        "0.25",
        "4.50",
        "1 of 2 tests pass",
    ):
        assert told in page, told


@every
def test_what_does_not_apply_is_told_by_its_reason(render: object) -> None:
    """Two hundred promises that one lack explains are one line: columns that say the same stand together."""
    why = "needs policies: a policy kept nobody out"
    lame, able = [tuple(decided(f"A-{n}", each, why) for n in range(9)) for each in ("SKIP", "PASS")]
    page = render(compared(able, lame, able))  # type: ignore[operator]
    assert page.count(f"A C PASS; B SKIP: {why}") == 1
    assert all(f"A-{n}" in page for n in range(9))
    assert "no difference in 0 promises, 9 apply in some columns only and hold there" in page


@every
def test_what_is_lacking_everywhere_is_told_once(render: object) -> None:
    """Where each run found another pod that shows it, as one need."""
    runs = [(decided("A-1", "SKIP", f"needs IPv6: pod {name} has none"),) for name in ("one", "two")]
    page = render(compared(*runs))  # type: ignore[operator]
    assert "needs IPv6: pod one has none" in page
    assert "pod two" not in page


@every
def test_text_from_a_cluster_stays_text(render: object) -> None:
    """Nothing a cluster says becomes markup, a link, or an escape sequence."""
    page = render(everything(evil=EVIL))  # type: ignore[operator]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", page)
    assert "alert" in page
    if render is html.page:
        assert "<script" not in page
        assert "&lt;script&gt;" in page
    if render is markdown.page:
        assert "<script" not in page.replace("\\<script", "")
        assert r"\[link\](http\://evil)" in page
        assert r"\*\*bold\*\*" in page


class Tags(HTMLParser):
    """Checks that tags nest, and collects them."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One opens."""
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in {"meta", "br", "link"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """The last that opened closes."""
        assert self.open.pop() == tag


def test_the_html_page_is_whole_and_fetches_nothing() -> None:
    """Tags nest; there are no scripts, no links to elsewhere, and reasons can be opened without a script."""
    page = Tags()
    page.feed(html.page(everything(evil=EVIL)))
    assert not page.open
    assert not {"script", "link", "img", "iframe"} & set(page.seen)
    assert "details" in page.seen
    assert not [name for name, _ in page.attributes if name in {"src", "href"} or name.startswith("on")]


def test_every_row_of_a_markdown_table_has_all_cells() -> None:
    """A bar in a text does not break a row."""
    page = markdown.page(everything(evil="a | b || c"))
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


@every
def test_no_difference_is_said(render: object) -> None:
    """Two runs that agree say so, with the count, and show no empty table."""
    same = (decided("A-1", "PASS"), decided("A-2", "PASS"))
    page = render(compared(same, same))  # type: ignore[operator]
    assert "no difference in 2 promises" in page
    assert "what differs: 0" in page.lower()
    assert "holds everywhere: 2" in page.lower()


@every
def test_a_single_column_claims_no_agreement(render: object) -> None:
    """With one result there is nothing to compare, and nothing is called `everywhere`."""
    page = render(compared((decided("A-1", "PASS"), decided("A-2", "FAIL", "why"))))  # type: ignore[operator]
    assert "nothing to compare" in page
    assert "everywhere" not in page.lower()
    assert "differs:" not in page.lower()


def test_lines_have_no_trailing_blanks_and_fit() -> None:
    """Ids and texts are wrapped; a reason is one line."""
    many = tuple(decided(f"A-{number}", "SKIP", "no v6") for number in range(100))
    for line in lines.lines(compared(many, many)):
        assert line == line.rstrip()
        assert len(line) <= 118


@every
def test_a_comparison_of_no_results_has_no_empty_table(render: object) -> None:
    """Where no run came up the page says what each column is and why, and nothing about areas."""
    runs = [Run("a", problem="did not come up: no image"), Run("b", problem="cannot be: no mode")]
    page = render(build.compare(runs, texts={}, title="t"))  # type: ignore[operator]
    assert "nothing to compare: 0 of 2 columns have a result" in page
    assert "did not come up: no image" in page
    assert "by area" not in page.lower()


def test_a_title_and_a_fact_are_words_on_a_screen() -> None:
    """Names of tests have brackets, which a terminal's tables would read as markup: they are shown."""
    facts = Fact.yes("v", why="seen"), Fact.unknown("nobody looked")
    told = [{"capabilities": {"x [/y]": fact.as_dict()}} for fact in facts]
    runs = [Run(name, record=record(decided("A-1", "PASS"), **each)) for name, each in zip("ab", told, strict=True)]
    out = io.StringIO()
    for each in screen.tables(build.compare(runs, texts={}, title="test_names[clusterip/addresses] [/foo]")):
        Console(file=out, width=118).print(each)
    assert out.getvalue().splitlines()[0].strip() == "test_names[clusterip/addresses] [/foo]"
    assert "found: x [/y]" in out.getvalue()


@pytest.mark.parametrize("columns", [1, 2, 4, 8])
def test_a_screen_that_fits_cuts_no_verdict(columns: int) -> None:
    """On the narrowest terminal that is said to suffice every verdict stands whole, and every column has its letter."""
    verdicts = ["UNKNOWN", *["FAIL", "UNKNOWN"] * columns][:columns]
    comparison = compared(*[(decided("DNSEDGE-0001", each, "why"),) for each in verdicts])
    width = next(width for width in range(1, 300) if screen.fits(comparison, width))
    out = io.StringIO()
    for each in screen.tables(comparison):
        Console(file=out, width=width).print(each)
    row = next(line for line in out.getvalue().splitlines() if "DNSEDGE-0001" in line)
    assert [cell.strip() for cell in row.split("│")[2 : 2 + columns]] == verdicts


def test_a_page_of_a_cluster_on_which_nothing_works_can_be_opened() -> None:
    """Each reason stands by its first line; whole only until the page is full, which it says."""
    reason = "FAIL: p\n" + "a long tale of packets\n" * 400
    tests = [tuple(decided(f"A-{n}", "FAIL", f"{n} {reason} {run}") for n in range(400)) for run in range(3)]
    page = html.page(compared(*tests))
    assert len(page) < 1.5 * html.ROOM
    assert page.count('<tr><th scope="row"><span class="id') == 400
    cut = int(re.search(r"<br>(\d+) reasons stand here by their first line only", page)[1])  # type: ignore[index]
    assert page.count("<details><summary>") == 1200 - cut
    assert page.count('<p class="reason">') == cut
    assert "by their first line only" not in html.page(everything())
