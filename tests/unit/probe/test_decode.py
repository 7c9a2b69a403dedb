"""From wire entries to results: nothing lost, clocks moved, kinds told apart."""

from __future__ import annotations

import base64

import pytest

from harness.model.outcome import Seen
from harness.probe.asks import Dns, Hold, Http, Interfaces, ReadFile, Resolve, Tcp, Udp
from harness.probe.decode import STALE, ClockEstimate, decode
from harness.probe.results import Answer, Interface, LoopOutcome, unmeasured

CLOCK = ClockEstimate(offset=1000.0, error=0.002, taken=0.0)
TCP = Tcp("10.0.0.1", 80)
IDENTITY = {"pod": "b", "namespace": "x", "node": "n", "nonce": "1", "saw": "10.0.0.9:77", "local": "10.0.0.1:80"}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_an_answer_is_told_whole() -> None:
    """Outcome, times, both ends and everything else the server said are there."""
    entry = {"seen": ".", "ms": 1.5, "at": 2.0, "local": "10.0.0.9:77", "answer": {**IDENTITY, "took": 9}}
    result = decode(TCP, "x/a", entry, CLOCK)
    assert (result.seen, result.ms, result.at, result.clock_error) == (Seen.REACHED, 1.5, 1002.0, 0.002)
    assert result.answer == Answer("b", "x", "n", "1", "10.0.0.9:77", "10.0.0.1:80")
    assert result.answer is not None
    assert result.answer.extra == {"took": 9}
    assert result.who == "x/b"
    assert str(result) == "REACHED 1.5 ms, answered by x/b"


@pytest.mark.parametrize(("saw", "address", "port"), [("10.0.0.9:77", "10.0.0.9", 77), ("[fd00::9]:77", "fd00::9", 77)])
def test_ends_come_apart(saw: str, address: str, port: int) -> None:
    """Address and port are readable for both families."""
    answer = Answer("b", "x", "n", "1", saw, saw)
    assert (answer.saw_address, answer.saw_port, answer.local_address) == (address, port, address)


def test_a_failure_keeps_its_words() -> None:
    """Error text and the system's name for it are there, and no answer."""
    result = decode(TCP, "x/a", {"seen": "r", "at": 0, "error": "connecting: no", "errno": "ECONNREFUSED"}, CLOCK)
    assert (result.seen, result.error, result.errno, result.answer) == (
        Seen.REFUSED,
        "connecting: no",
        "ECONNREFUSED",
        None,
    )
    assert "connecting: no" in str(result)


def test_fields_of_each_kind() -> None:
    """Wire bytes, HTTP, addresses, files and interfaces are decoded to what they are."""
    dns = decode(Dns("s", b"q"), "x/a", {"seen": ".", "at": 0, "wire": b64(b"\x00\xff")}, CLOCK)
    assert dns.wire == b"\x00\xff"
    http = {"status": 201, "headers": [["x-a", "1"], ["x-a", "2"]], "body": b64(b"hi")}
    reply = decode(Http("h"), "x/a", {"seen": ".", "at": 0, "http": http}, CLOCK).http
    assert reply is not None
    assert (reply.status, reply.body, reply.header("X-A"), reply.header("none")) == (201, b"hi", "1", None)
    assert decode(Resolve("n"), "x/a", {"seen": ".", "at": 0, "addresses": ["1", "2"]}, CLOCK).addresses == ("1", "2")
    assert decode(ReadFile("/f"), "x/a", {"seen": ".", "at": 0, "content": b64(b"text")}, CLOCK).content == b"text"
    raw = {"name": "eth0", "mtu": 1450, "up": True, "mac": "m", "addresses": ["10.0.0.1/24"]}
    found = decode(Interfaces(), "x/a", {"seen": ".", "at": 0, "interfaces": [raw]}, CLOCK).interfaces
    assert found == (Interface("eth0", mtu=1450, up=True, mac="m", addresses=("10.0.0.1/24",)),)
    several = decode(Udp("h", 1), "x/a", {"seen": ".", "at": 0, "replies": [IDENTITY, IDENTITY]}, CLOCK)
    assert len(several.replies) == 2


def test_a_loops_report_is_on_the_hosts_clock() -> None:
    """Every moment of a loop is moved, and its trail has whole results."""
    loop = {
        "outcome": "bad", "looks": 3, "good": 2, "bad": 1, "unmeasured": 0, "started": 5.0, "ended": 7.0,
        "first_good": 5.0, "streak_began": None, "longest_gap": 0.2, "trail": [{"seen": "x", "at": 6.0, "error": "e"}],
    }  # fmt: skip
    report = decode(Hold(TCP), "x/a", {"seen": ".", "at": 5.0, "loop": loop}, CLOCK).loop
    assert report is not None
    assert (report.outcome, report.looks, report.good, report.bad) == (LoopOutcome.BAD, 3, 2, 1)
    assert (report.started, report.ended, report.first_good, report.streak_began) == (1005.0, 1007.0, 1005.0, None)
    assert report.trail[0].at == 1006.0
    assert (report.trail[0].result.seen, report.trail[0].result.ask) == (Seen.SILENT, TCP)


def test_what_never_came_is_unmeasured() -> None:
    """A lost answer is a result like any other, with its reason and no clock."""
    result = unmeasured(TCP, "x/a", why="the stream was cut")
    assert (result.seen, result.error, result.at) == (Seen.UNMEASURED, "the stream was cut", 0.0)


def test_the_clock_with_the_shortest_round_trip_wins() -> None:
    """A ping that took long does not spoil a better estimate; a better one replaces it."""
    first = ClockEstimate().better(100.0, 10.0, 100.4)
    assert (first.offset, first.error) == pytest.approx((90.2, 0.2))
    assert first.better(101.0, 11.5, 103.0) is first
    better = first.better(102.0, 12.0, 102.01)
    assert better.error == pytest.approx(0.005)
    assert better.host(12.0) == pytest.approx(102.005)


def test_an_old_estimate_gives_way() -> None:
    """Clocks drift: after a while even a worse estimate replaces the best."""
    best = ClockEstimate(offset=90.0, error=0.001, taken=100.0)
    worse = best.better(100.0 + STALE, 70.5, 100.0 + STALE + 1)
    assert worse is not best
    assert worse.error == pytest.approx(0.5)
