"""The text of a failure, letter by letter, and the guess at the layer."""

from __future__ import annotations

import itertools

import pytest

from harness.expect import Failure, Layer, Symptom, blame, compare, grid, render, table_text, two_columns
from harness.expect.blame import SIGNATURES
from harness.model.difference import Difference
from harness.model.expectation import Want
from harness.model.outcome import Seen, Verdict

UNKNOWN = Verdict.UNKNOWN


def test_a_failure_reads_top_down() -> None:
    """Promise and ids, who asked, what was wanted and why, what was seen, all differences, the layer, how to repeat."""
    failure = Failure(
        promise="A policy without rules admits nobody.",
        ids=("POL-105", "POL-124"),
        asked="x/b → x/a 80/TCP at 10.1.0.1",
        expected="denied",
        rule="denied by x/deny: selects x/a, Ingress, and no rule\nno other policy selects it",
        seen="reached x/a on n1",
        differences=(
            Difference("x/c → x/a 80/TCP", "denied", "nothing", verdict=UNKNOWN),
            Difference("x/b → x/a 80/TCP", "denied", "reached", "x/deny"),
        ),
        symptoms=frozenset({Symptom.DENIED_BUT_OPEN}),
        evidence=("80/TCP  x/a", "x/b     .*"),
        repeat="harness rerun POL-105",
    )
    assert render(failure).splitlines() == [
        "FAIL: A policy without rules admits nobody. [POL-105, POL-124]",
        "  asked:    x/b → x/a 80/TCP at 10.1.0.1",
        "  expected: denied",
        "  because:  denied by x/deny: selects x/a, Ingress, and no rule",
        "            no other policy selects it",
        "  seen:     reached x/a on n1",
        "",
        "                    expected  seen",
        "  x/b → x/a 80/TCP  denied    reached  (x/deny)",
        "  x/c → x/a 80/TCP  denied    nothing",
        "",
        "layer at fault, as it seems: policy (packets pass that no rule admits)",
        "",
        "80/TCP  x/a",
        "x/b     .*",
        "",
        "repeat: harness rerun POL-105",
    ]


def test_what_is_not_known_takes_no_line() -> None:
    """A bare failure is one line; its verdict can be given."""
    assert render(Failure("A thing holds.", verdict=UNKNOWN)) == "UNKNOWN: A thing holds."
    assert render(Failure("A thing holds.")) == "PASS: A thing holds."


def test_long_names_do_not_push_the_columns_away() -> None:
    """A column is at most sixty wide; what is longer runs over."""
    lines = two_columns([Difference("n" * 80, "a", "b"), Difference("short", "a", "b")])
    assert lines[1] == "  " + "n" * 80 + "  a         b"
    assert lines[2] == "  " + "short".ljust(60) + "  a         b"


def test_a_table_shows_the_lanes_that_differ_first_and_marks_the_cells() -> None:
    """Good lanes come after bad ones; undefined cells bear a tilde; the legend explains all letters."""
    keys = list(itertools.product(("x/a", "x/b"), ("x/a", "x/b"), ("81/TCP", "80/TCP")))
    want = dict.fromkeys(keys, Want.ALLOW)
    want["x/a", "x/b", "80/TCP"] = Want.DENY
    want["x/b", "x/a", "81/TCP"] = Want.UNDEFINED
    got = dict.fromkeys(keys, Seen.REACHED)
    got["x/b", "x/b", "80/TCP"] = Seen.SILENT
    del got["x/b", "x/a", "80/TCP"]
    assert table_text(compare(want, got, control={})) == [
        "80/TCP  x/a  x/b",
        "x/a     .    .*",
        "x/b     ?*   x*",
        "",
        "81/TCP  x/a  x/b",
        "x/a     .    .",
        "x/b     .~   .",
        "",
        ". reached  r refused  x silent  ! not measured  ? nothing  ~ not judged  * differs",
    ]


def test_a_table_may_have_holes_where_nobody_wanted_anything() -> None:
    """Pairs that are no part of the expectation stay blank."""
    want = {("a", "b", 1): Want.ALLOW, ("b", "a", 1): Want.ALLOW}
    got = dict.fromkeys(want, Seen.REACHED)
    assert table_text(compare(want, got, control={}), legend=False) == ["1  b  a", "a  .", "b     .", ""]


def test_an_empty_grid_is_its_title() -> None:
    """Nothing to show is shown as such."""
    assert grid([], [], lambda a, b: "", title="t") == ["t  "]


@pytest.mark.parametrize(
    ("symptoms", "layer"),
    [
        ({Symptom.UNMEASURED, Symptom.DNS_ANSWER_WRONG}, Layer.HARNESS),
        ({Symptom.DENIED_BUT_OPEN}, Layer.POLICY),
        ({Symptom.UNMEASURED, Symptom.DENIED_BUT_OPEN}, Layer.POLICY),
        ({Symptom.ALLOWED_BUT_CLOSED, Symptom.WORKED_BEFORE_POLICY}, Layer.POLICY),
        ({Symptom.DNS_ANSWER_WRONG, Symptom.DNS_ASKED}, Layer.DNS),
        ({Symptom.DNS_ANSWER_WRONG, Symptom.SLICES_WRONG}, Layer.ENDPOINTSLICES),
        ({Symptom.SERVICE_ADDRESS_FAILS, Symptom.POD_ADDRESS_WORKS}, Layer.SERVICE_PROXY),
        ({Symptom.SERVICE_ADDRESS_FAILS, Symptom.POD_ADDRESS_FAILS}, Layer.POD_NETWORK),
        ({Symptom.WRONG_BACKEND}, Layer.SERVICE_PROXY),
        ({Symptom.RESOLVER_FILE_WRONG}, Layer.KUBELET),
        ({Symptom.API_ANSWER_WRONG}, Layer.API_SERVER),
        ({Symptom.ENVIRONMENT_WRONG}, Layer.KUBELET),
        ({Symptom.CONTROL_FAILED}, Layer.HARNESS),
        (set(), Layer.UNCLEAR),
    ],
)
def test_symptoms_point_at_a_layer(symptoms: set[Symptom], layer: Layer) -> None:
    """The most telling signature wins."""
    assert blame(symptoms).layer is layer


def test_a_policy_in_play_keeps_the_network_and_the_proxy_from_blame() -> None:
    """With an isolating policy a closed path may be the policy's."""
    closed = {Symptom.POD_ADDRESS_FAILS, Symptom.POLICY_SELECTS, Symptom.ALLOWED_BUT_CLOSED}
    assert blame(closed).layer is Layer.POLICY


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda each: f"{each.layer}-{len(each.when)}")
def test_every_signature_can_be_met(signature: object) -> None:
    """No rule is hidden behind an earlier one: its own symptoms lead to it, or to the same layer."""
    index = next(i for i, each in enumerate(SIGNATURES) if each is signature)
    found = blame(SIGNATURES[index].when)
    assert found.layer is SIGNATURES[index].layer
    assert str(found).startswith(found.layer)
