"""Asks as values: what goes over the wire, how long they may take, and that each is what the agent knows."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

import pytest

from harness.agent.asking import Asker
from harness.agent.identity import Identity
from harness.agent.loop import Loop
from harness.agent.servers import Servers
from harness.model.outcome import Seen
from harness.probe import asks
from harness.probe.asks import DENIED, REACHED, Ask, Good, Hold, Http, Ready, Tcp, Udp, Until
from harness.probe.session import GRACE, longest


def every_kind() -> list[type[Ask]]:
    return [
        kind for kind in vars(asks).values() if isinstance(kind, type) and issubclass(kind, Ask) and kind is not Ask
    ]


def test_every_ask_is_known_to_the_agent() -> None:
    """No ask exists on the host that the agent cannot be asked."""
    loop = Loop()
    identity = Identity({"POD_NAME": "a"})
    known = {*Asker(loop, identity, Servers(loop, identity))._looks, "until", "hold"}
    loop.shut()
    assert {kind.do for kind in every_kind()} == known


def test_asks_are_values() -> None:
    """Asks are frozen, comparable and usable as keys."""
    for kind in every_kind():
        assert dataclasses.is_dataclass(kind)
        assert kind.__dataclass_params__.frozen, kind
    assert len({Tcp("h", 1), Tcp("h", 1), Tcp("h", 2), Http("h", headers={"a": "b"})}) == 3


@pytest.mark.parametrize(
    ("ask", "wire"),
    [
        (Tcp("h", 80), {"do": "tcp", "host": "h", "port": 80, "timeout": 1.0, "identify": True}),
        (Tcp("h", 80, identify=False, keep="k"), {"identify": False, "keep": "k"}),
        (Tcp("h", 80, source="10.0.0.1", source_port=5), {"source": "10.0.0.1", "source_port": 5}),
        (Udp("h", 80, payload=b"\xff"), {"payload": base64.b64encode(b"\xff").decode(), "count": 1}),
        (Ready(ready=False), {"do": "ready", "ready": False}),
        (asks.Payload("h", 80, 0), {"size": 0}),
        (Http("h", headers={"A": "b"}), {"headers": {"A": "b"}, "method": "GET", "path": "/", "requests": 1}),
        (asks.Dns("s", b"\x00\x01"), {"server": "s", "wire_query": "AAE=", "port": 53, "proto": "udp"}),
    ],
)
def test_wire_form(ask: Ask, wire: dict[str, Any]) -> None:
    """The wire has every required field and what was said, as plain JSON."""
    told = ask.wire()
    assert told.items() >= wire.items()
    assert json.loads(json.dumps(told)) == told


def test_unsaid_options_are_not_sent() -> None:
    """Options left at nothing cost no bytes."""
    assert not {"source", "source_port", "keep"} & Tcp("h", 80).wire().keys()


def test_conditions_say_only_what_was_given() -> None:
    """An unset condition is absent; an empty set of addresses is a condition."""
    assert REACHED.wire() == {"seen": ["."]}
    assert DENIED.wire() == {"seen": ["r", "x"]}
    assert Good(addresses=frozenset()).wire() == {"seen": ["."], "addresses": []}
    full = Good(
        seen=frozenset({Seen.REACHED}),
        pods=frozenset({"x/b", "x/a"}),
        saw=frozenset({"1"}),
        status=frozenset({200}),
        rcode=0,
    ).wire()
    assert full == {"seen": ["."], "pods": ["x/a", "x/b"], "saw": ["1"], "status": [200], "rcode": 0}


def test_loops_carry_their_look() -> None:
    """A loop's wire form has its look, its conditions and its measures."""
    until = Until(Tcp("h", 80), within=7, streak=2, spacing=0.5).wire()
    assert (until["do"], until["ask"]["do"], until["good"]) == ("until", "tcp", {"seen": ["."]})
    assert (until["within"], until["streak"], until["spacing"]) == (7, 2, 0.5)
    assert Hold(Tcp("h", 80), for_=3).wire()["for"] == 3


def test_how_long_asks_may_take() -> None:
    """A loop may take its window and one look more; a batch takes its longest, or that many rounds of them."""
    assert Until(Tcp("h", 80, timeout=2), within=7).longest == 9
    assert Hold(Tcp("h", 80, timeout=2), for_=3).longest == 5
    batch: list[Ask] = [Tcp("h", 80, timeout=t) for t in (1, 2, 3, 4)]
    assert longest(batch) == 4 + GRACE
    assert longest(batch, parallel=2) == 4 + 3 + GRACE
    assert longest([]) == GRACE
