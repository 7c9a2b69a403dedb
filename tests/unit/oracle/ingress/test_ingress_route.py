"""The oracle, row by row; that the rows discriminate; what surrounds a route: ports, classes, certificates, replies."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from harness.model.outcome import Seen, Verdict
from harness.oracle.ingress import Reply, Request, Route, certificate, default_class, judge_reply, route, serves
from harness.oracle.snapshot import Snapshot

from .router import MUTANTS, Router
from .table import CLASS, OTHER, ROWS, Row, ground, ingress, ingress_class, rule, rules, to


def split(asked: str) -> tuple[str, str]:
    host, _, path = asked.partition("/")
    return host, f"/{path}"


def expected(row: Row, asked: str) -> Route:
    host, path = split(asked)
    return route(row.snapshot, Request(host, path), ingress_class=CLASS)


CELLS = [pytest.param(row, asked, id=f"{row.name}: {asked}") for row in ROWS for asked in row.answers]


@pytest.mark.parametrize(("row", "asked"), CELLS)
def test_each_row_is_answered_as_its_author_says(row: Row, asked: str) -> None:
    """The route is the golden one, and says why; what is left to controllers says that."""
    answer, found = row.answers[asked], expected(row, asked)
    assert bool(found.undefined) is (answer is None)
    if answer is not None:
        assert found.pods == ({f"x/{answer}"} if answer else set())
        assert found.why


def agrees(router: type[Router], row: Row) -> bool:
    told = router(row)
    return all(told.answer(*split(asked)) == answer for asked, answer in row.answers.items() if answer is not None)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_second_router_agrees_with_every_row(row: Row) -> None:
    """One that shares no code with the oracle gives the golden answers too."""
    assert agrees(Router, row)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.__name__)
def test_some_row_catches_each_mutant(mutant: type[Router]) -> None:
    """No router with a known fault passes all golden rows."""
    assert not all(agrees(mutant, row) for row in ROWS)


@pytest.mark.parametrize(
    ("port", "ends"),
    [(80, {8080}), ("web", {8080}), (81, {8081}), ("more", {8081}), (82, set()), ("no", set())],
)
def test_a_backends_port_is_a_number_or_a_name(port: int | str, ends: set[int]) -> None:
    """Both lead to the target port behind it; a port that the Service lacks leads nowhere."""
    spec = {"ingressClassName": CLASS, "defaultBackend": to("one", port)}
    found = route(Snapshot.of([*ground(), ingress("i", spec)]), Request("h.io"), ingress_class=CLASS)
    assert {each.port for each in found.backends} == ends


def test_what_is_no_ordinary_service_is_left_to_controllers() -> None:
    """Resources and ExternalNames."""
    external = {"kind": "Service", "metadata": {"name": "e", "namespace": "x"}, "spec": {"type": "ExternalName"}}
    for backend in ({"resource": {"kind": "K", "name": "n"}}, to("e")):
        spec = {"ingressClassName": CLASS, "defaultBackend": backend}
        found = route(Snapshot.of([*ground(), external, ingress("i", spec)]), Request("h.io"), ingress_class=CLASS)
        assert found.undefined


def test_an_annotation_is_heard_by_whom_nobody_says() -> None:
    """The old way to name a class leaves it open, unless it names somebody else's."""
    legacy = "kubernetes.io/ingress.class"
    classes = [each for each in ground() if each["kind"] == "IngressClass"]
    assert serves(classes, CLASS, ingress("i", {}, **{legacy: CLASS})) is None
    assert serves(classes, CLASS, ingress("i", {}, **{legacy: OTHER})) is False
    assert serves(classes, CLASS, ingress("i", rules(default="one"), **{legacy: OTHER})) is True


def test_the_default_class_is_the_newest_then_the_first_by_name() -> None:
    """Among those that say so; none where none does."""
    old, new = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    assert default_class([ingress_class("a", "c/c", made=new)]) is None
    several = [ingress_class(name, "c/c", made=new, default=True) for name in ("c", "b")]
    assert default_class([ingress_class("a", "c/c", made=old, default=True), *several]) == "b"


def secret(name: str, text: bytes) -> dict[str, Any]:
    data = {"tls.crt": base64.b64encode(text).decode(), "tls.key": "aw=="}
    return {"kind": "Secret", "metadata": {"name": name, "namespace": "x"}, "data": data}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a.io", b"A"), ("A.io", b"A"), ("b.io", b"B"), ("x.w.io", b"W"), ("x.y.w.io", None), ("w.io", None),
        ("two.w.io", b"A"), ("gone.io", None), ("twice.io", None), ("foreign.io", None), ("other.io", None),
    ],
)  # fmt: skip
def test_a_certificate_is_that_of_its_hosts_secret(name: str, shown: bytes | None) -> None:
    """By whole name before wildcard, for one label; where Secrets are missing or contradict each other, nobody's."""
    tls = [
        {"hosts": ["a.io", "two.w.io"], "secretName": "a"}, {"hosts": ["b.io"], "secretName": "b"},
        {"hosts": ["*.w.io"], "secretName": "w"}, {"hosts": ["gone.io"], "secretName": "gone"},
        {"hosts": ["twice.io"], "secretName": "a"}, {"hosts": ["twice.io"], "secretName": "b"},
    ]  # fmt: skip
    foreign = {**rules(default="one", ingress_class=OTHER), "tls": [{"hosts": ["foreign.io"], "secretName": "a"}]}
    ingresses = [ingress("i", {**rules(default="one"), "tls": tls}), ingress("j", foreign)]
    classes = [each for each in ground() if each["kind"] == "IngressClass"]
    secrets = [secret("a", b"A"), secret("b", b"B"), secret("w", b"W")]
    assert certificate(ingresses, classes, secrets, name, ingress_class=CLASS) == shown


LED = expected(Row("", (rules(rule(("Prefix", "/", "one"), host="h.io")),), {}), "h.io/")
NOBODY = Route(why=("no rule",))


@pytest.mark.parametrize(
    ("wanted", "reply", "status", "verdict"),
    [
        (LED, Reply(Seen.REACHED, 404, "x/one"), None, None),
        (LED, Reply(Seen.REACHED, 200, "x/two"), None, Verdict.FAIL),
        (LED, Reply(Seen.REACHED, 404), None, Verdict.FAIL),
        (LED, Reply(Seen.SILENT), None, Verdict.FAIL),
        (LED, Reply(Seen.UNMEASURED), None, Verdict.UNKNOWN),
        (NOBODY, Reply(Seen.REACHED, 404), 404, None),
        (NOBODY, Reply(Seen.REACHED, 503), None, None),
        (NOBODY, Reply(Seen.REACHED, 503), 404, Verdict.FAIL),
        (NOBODY, Reply(Seen.REACHED, 404, "x/one"), 404, Verdict.FAIL),
        (NOBODY, Reply(Seen.SILENT), None, Verdict.UNKNOWN),
        (NOBODY, Reply(Seen.REFUSED), None, Verdict.UNKNOWN),
        (Route(undefined="so"), Reply(Seen.REACHED, 200, "x/one"), None, None),
        (Route(undefined="so"), Reply(Seen.UNMEASURED), None, Verdict.UNKNOWN),
    ],
)
def test_a_reply_is_held_against_its_route(
    wanted: Route, reply: Reply, status: int | None, verdict: Verdict | None
) -> None:
    """Who answered counts, not with which status; silence where nobody may answer proves nothing."""
    found = judge_reply("x/a → h.io/", wanted, reply, status=status)
    assert [each.verdict for each in found] == ([] if verdict is None else [verdict])
