"""What an agent answers to each kind of ask, from a real agent process on loopback."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.model.outcome import Seen
from harness.probe.asks import (
    DENIED,
    Dns,
    Good,
    Heard,
    Hold,
    Hostname,
    Http,
    Icmp,
    Interfaces,
    Payload,
    ReadFile,
    Ready,
    Resolve,
    Sctp,
    Send,
    Serve,
    StopServing,
    Tcp,
    Udp,
    Until,
)
from harness.probe.results import LoopOutcome, Result
from harness.probe.session import Session
from tests.contract.agent_carrier import PATIENCE, LocalAgent, free_port, running

HOST = "127.0.0.1"
QUERY = bytes.fromhex("abcd01000001000000000000") + b"\x03web\x04shop\x00\x00\x01\x00\x01"
REPLY = bytes.fromhex("abcd85000001000100000000") + QUERY[12:] + bytes.fromhex("c00c000100010000001e00040a600001")


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAgent]:
    yield from running(tmp_path_factory.mktemp("agent"))


@pytest.fixture(scope="module")
def session(agent: LocalAgent) -> Iterator[Session]:
    session = Session(agent.connect, "x/a")
    yield session
    session.close()


@pytest.fixture
def closed_port() -> int:
    return free_port()


def only(results: list[Result]) -> Result:
    assert len(results) == 1
    return results[0]


def test_tcp_answer_proves_who_answered(agent: LocalAgent, session: Session) -> None:
    """A TCP answer names pod, namespace, node, and both ends of the flow."""
    result = only(session.ask([Tcp(HOST, agent.port)]))
    assert result.seen is Seen.REACHED
    assert result.answer is not None
    assert (result.answer.who, result.answer.node) == ("x/a", "n1")
    assert result.answer.saw == result.local
    assert result.answer.local == f"{HOST}:{agent.port}"
    assert result.answer.nonce


def test_every_ask_carries_its_own_nonce(agent: LocalAgent, session: Session) -> None:
    """No two looks share a nonce, so that an answer can never be taken for another look's."""
    results = session.ask([Tcp(HOST, agent.port)] * 50 + [Udp(HOST, agent.port)] * 50)
    assert len({result.answer.nonce for result in results if result.answer}) == 100


def test_ipv6_is_served_beside_ipv4(agent: LocalAgent, session: Session) -> None:
    """The same port answers on both families, each address shown in its own clothes."""
    four, six = session.ask([Tcp(HOST, agent.port), Tcp("::1", agent.port)])
    assert four.answer is not None
    assert six.answer is not None
    assert four.answer.saw_address == "127.0.0.1"
    assert six.answer.saw_address == "::1"


@pytest.mark.parametrize("ask", [Tcp, Udp, Http])
def test_closed_port_is_refused(session: Session, closed_port: int, ask: type[Tcp | Udp | Http]) -> None:
    """Where nobody listens the peer says no: REFUSED, with the system's name for it."""
    result = only(session.ask([ask(HOST, closed_port)]))
    assert (result.seen, result.errno) == (Seen.REFUSED, "ECONNREFUSED")


@contextmanager
def mute_listener(*, backlog: int) -> Iterator[int]:
    """A port whose connections are accepted by the kernel and by nobody else."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        sock.listen(backlog)
        yield sock.getsockname()[1]


def test_handshake_without_answer_is_silent(session: Session) -> None:
    """A connection on which nobody answers is SILENT and says that it was connected: a handshake is not an answer."""
    with mute_listener(backlog=5) as port:
        asked = session.ask([Tcp(HOST, port, timeout=0.2), Tcp(HOST, port, timeout=PATIENCE, identify=False)])
    assert [result.seen for result in asked] == [Seen.SILENT, Seen.REACHED]
    assert "connected" in asked[0].error


def test_timeout_is_kept(session: Session) -> None:
    """A silent look never ends before its own time limit, and at its best of twenty times not much later."""
    taken: list[float] = []
    with mute_listener(backlog=50) as port:
        while len(taken) < 20 and (not taken or taken[-1] >= 600):
            taken.append(only(session.ask([Tcp(HOST, port, timeout=0.3)])).ms)
    assert 300 <= min(taken) < 600


def test_stranger_is_reached_without_identity(session: Session) -> None:
    """Somebody else's answer is REACHED without an identity, and the result says what came."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen(1)

        def answer() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(100)
                peer.sendall(b"SSH-2.0-x\n")

        thread = threading.Thread(target=answer)
        thread.start()
        result = only(session.ask([Tcp(HOST, listener.getsockname()[1])]))
        thread.join()
    assert (result.seen, result.answer) == (Seen.REACHED, None)
    assert "SSH-2.0" in result.error


@pytest.mark.parametrize("ask", [Tcp, Udp, Http])
def test_source_is_bindable(agent: LocalAgent, session: Session, ask: type[Tcp | Udp | Http]) -> None:
    """The source address and port asked for are the ones the server sees."""
    port = free_port()
    result = only(session.ask([ask(HOST, agent.port, source="127.0.0.7", source_port=port)]))
    assert result.answer is not None
    assert result.answer.saw == f"127.0.0.7:{port}"


@pytest.mark.parametrize("ask", [Tcp, Udp])
def test_impossible_source_is_unmeasured(agent: LocalAgent, session: Session, ask: type[Tcp | Udp]) -> None:
    """A source address the pod does not have says nothing about the network: UNMEASURED."""
    result = only(session.ask([ask(HOST, agent.port, source="203.0.113.9")]))
    assert result.seen is Seen.UNMEASURED
    assert "203.0.113.9" in result.error


def test_unresolvable_target_is_unmeasured(session: Session) -> None:
    """A name that does not resolve is the ask's problem, not the path's."""
    result = only(session.ask([Tcp("no-such-name.invalid", 80, timeout=5)]))
    assert result.seen is Seen.UNMEASURED
    assert "no-such-name.invalid" in result.error


def test_kept_connection_is_the_same_flow(agent: LocalAgent, session: Session) -> None:
    """A kept connection is asked again over the same flow, until it is closed."""
    first = only(session.ask([Tcp(HOST, agent.port, keep="c1")]))
    again = only(session.ask([Send("c1", close=True)]))
    gone = only(session.ask([Send("c1")]))
    assert first.answer is not None
    assert again.answer is not None
    assert first.answer.saw == again.answer.saw
    assert gone.seen is Seen.UNMEASURED


def test_kept_connection_notices_its_end(agent: LocalAgent, session: Session) -> None:
    """When the server closes a kept connection the next question on it is REFUSED."""
    port = free_port()
    session.ask([Serve("tcp", port), Tcp(HOST, port, keep="c2")])
    session.ask([StopServing("tcp", port, connections=True)])
    assert only(session.ask([Send("c2")])).seen is Seen.REFUSED


def test_udp_keeps_its_flow(agent: LocalAgent, session: Session) -> None:
    """A kept datagram socket keeps its source port."""
    first = only(session.ask([Udp(HOST, agent.port, keep="u1")]))
    again = only(session.ask([Send("u1", close=True)]))
    assert first.answer is not None
    assert again.answer is not None
    assert first.answer.saw == again.answer.saw


def test_many_datagrams_from_one_socket(agent: LocalAgent, session: Session) -> None:
    """Each datagram of one socket gets its own answer, all from the same source port."""
    result = only(session.ask([Udp(HOST, agent.port, count=5, spacing=0.01)]))
    assert len(result.replies) == 5
    assert len({reply.saw for reply in result.replies}) == 1
    assert len({reply.nonce for reply in result.replies}) == 5


def test_udp_payload_comes_back(agent: LocalAgent, session: Session) -> None:
    """A datagram's payload is echoed as it was, after the identity."""
    result = only(session.ask([Udp(HOST, agent.port, payload=b"\x00\xffraw")]))
    assert result.wire == b"\x00\xffraw"
    assert result.who == "x/a"


def test_padded_datagram_is_answered_alike(agent: LocalAgent, session: Session) -> None:
    """A datagram of a given size gets an answer of that size: both directions carry it."""
    result = only(session.ask([Udp(HOST, agent.port, size=8000)]))
    assert result.details["size"] == 8000


def test_datagram_is_answered_from_where_it_was_sent_to(agent: LocalAgent, session: Session) -> None:
    """The answer comes from the address that was asked, also where a server has several."""
    result = only(session.ask([Udp("127.0.0.77", agent.port)]))
    assert result.answer is not None
    assert result.answer.local == f"127.0.0.77:{agent.port}"


@pytest.mark.parametrize("size", [0, 1, 1_500, 3_000_000])
def test_payload_both_ways(agent: LocalAgent, session: Session, size: int) -> None:
    """Every byte sent is counted by the server, and as many come back."""
    result = only(session.ask([Payload(HOST, agent.port, size)]))
    assert result.seen is Seen.REACHED
    assert result.details == {"sent": size, "took": size, "received": size, "unharmed": True}


def test_http_tells_status_headers_body_and_who(agent: LocalAgent, session: Session) -> None:
    """An HTTP answer has status, headers, body and the identity of who answered."""
    result = only(session.ask([Http(HOST, agent.port, "/echo?a=1", headers={"X-Mark": "m"}, host_header="web.shop")]))
    assert result.http is not None
    assert result.http.status == 200
    assert result.who == "x/a"
    assert b'["x-mark", "m"]' in result.http.body
    assert b'["host", "web.shop"]' in result.http.body


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/hostname", 200, b"a"),
        ("/healthz", 200, b"alive\n"),
        ("/ready", 200, b"ready\n"),
        ("/status?code=418", 418, b""),
        ("/body?bytes=5", 200, b"01234"),
        ("/nowhere", 404, b"no /nowhere here\n"),
    ],
)
def test_http_paths(agent: LocalAgent, session: Session, path: str, status: int, body: bytes) -> None:
    """Each path of the pod's HTTP server answers what it is there for."""
    result = only(session.ask([Http(HOST, agent.port, path)]))
    assert result.http is not None
    assert (result.http.status, result.http.body) == (status, body)


def test_http_client_address(agent: LocalAgent, session: Session) -> None:
    """`/clientip` is the client's end as the server sees it."""
    result = only(session.ask([Http(HOST, agent.port, "/clientip")]))
    assert result.http is not None
    assert result.http.body.decode() == result.local


def test_http_keeps_the_connection(agent: LocalAgent, session: Session) -> None:
    """Several requests of one ask go over one connection."""
    result = only(session.ask([Http(HOST, agent.port, "/echo", requests=4)]))
    assert len(result.replies) == 4
    assert len({reply.saw for reply in result.replies}) == 1


def test_http_slow_answer_is_waited_for(agent: LocalAgent, session: Session) -> None:
    """A slow answer is REACHED within the limit and SILENT beyond it."""
    quick, late = session.ask(
        [
            Http(HOST, agent.port, "/slow?ms=150", timeout=PATIENCE),
            Http(HOST, agent.port, "/slow?ms=20000", timeout=0.2),
        ]
    )
    assert quick.seen is Seen.REACHED
    assert quick.ms >= 150
    assert late.seen is Seen.SILENT


def test_http_post_body_arrives(agent: LocalAgent, session: Session) -> None:
    """A request's body is read whole."""
    result = only(session.ask([Http(HOST, agent.port, "/echo", method="POST", body=b"x" * 70000)]))
    assert result.http is not None
    assert b'"body": 70000' in result.http.body


def test_http_to_something_else_is_told(agent: LocalAgent, session: Session) -> None:
    """An answer that is not HTTP is REACHED without a response, and the result says so."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen(1)

        def answer() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(b"220 mail\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        result = only(session.ask([Http(HOST, listener.getsockname()[1])]))
        thread.join()
    assert result.seen is Seen.REACHED
    assert result.http is None
    assert "not with HTTP" in result.error


@pytest.fixture
def dns_server() -> Iterator[int]:
    """A server that answers one UDP question, after a stray message, and one TCP question."""
    port = free_port()
    udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
    for sock in (udp, tcp):
        sock.bind((HOST, port))
        sock.settimeout(PATIENCE)
    tcp.listen(1)

    def over_udp() -> None:
        with udp:
            _, peer = udp.recvfrom(512)
            udp.sendto(b"\x00\x01" + REPLY[2:], peer)
            udp.sendto(REPLY, peer)

    def over_tcp() -> None:
        with tcp:
            peer, _ = tcp.accept()
            with peer:
                peer.recv(512)
                peer.sendall(struct.pack("!H", len(REPLY)) + REPLY[:10])
                peer.sendall(REPLY[10:])

    threads = [threading.Thread(target=body) for body in (over_udp, over_tcp)]
    for thread in threads:
        thread.start()
    yield port
    for thread in threads:
        thread.join()


def test_dns_carries_the_message_both_ways(session: Session, dns_server: int) -> None:
    """A DNS answer comes back byte for byte over UDP and TCP; an answer to another id is not taken."""
    results = session.ask([Dns(HOST, QUERY, port=dns_server, proto=proto) for proto in ("udp", "tcp")])
    assert [result.wire for result in results] == [REPLY, REPLY]
    assert all(result.details["addresses"] == ["10.96.0.1"] for result in results)
    assert all(result.details["rcode"] == 0 for result in results)


def test_dns_without_server_is_refused(session: Session, closed_port: int) -> None:
    """A DNS server that is not there refuses over both transports."""
    results = session.ask([Dns(HOST, QUERY, port=closed_port, proto=proto) for proto in ("udp", "tcp")])
    assert [result.seen for result in results] == [Seen.REFUSED, Seen.REFUSED]


def test_icmp_is_answered_or_says_why_not(session: Session) -> None:
    """An echo request reaches loopback, or the result names the setting that forbids it."""
    result = only(session.ask([Icmp(HOST)]))
    if result.seen is Seen.UNMEASURED:
        assert "ping_group_range" in result.error
    else:
        assert result.seen is Seen.REACHED


def test_sctp_without_the_kernel_is_unmeasured(session: Session, closed_port: int) -> None:
    """Where the kernel has no SCTP the ask is UNMEASURED, never SILENT or REFUSED by mistake."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132).close()
        expected = Seen.REFUSED
    except OSError:
        expected = Seen.UNMEASURED
    assert only(session.ask([Sctp(HOST, closed_port)])).seen is expected


def test_resolver_of_the_pod(session: Session) -> None:
    """The pod's resolver gives addresses of the family asked for; a name that is not there is REFUSED."""
    found, four, missing = session.ask(
        [Resolve("localhost"), Resolve("localhost", "IPv4"), Resolve("no-such-name.invalid")]
    )
    assert set(found.addresses) <= {"127.0.0.1", "::1"}
    assert four.addresses == ("127.0.0.1",)
    assert missing.seen is Seen.REFUSED


def test_files_interfaces_and_names(session: Session) -> None:
    """Files, interfaces and the hostname are read as the pod has them; a missing file is UNMEASURED with the reason."""
    read, missing, interfaces, named = session.ask(
        [ReadFile("/proc/self/comm"), ReadFile("/no/such/file"), Interfaces(), Hostname()]
    )
    assert read.content.startswith(b"python")
    assert (missing.seen, missing.errno) == (Seen.UNMEASURED, "ENOENT")
    loopback = next(found for found in interfaces.interfaces if found.name == "lo")
    assert "127.0.0.1/8" in loopback.addresses
    assert loopback.mtu == 65536
    assert named.text == socket.gethostname()


def test_servers_come_and_go(session: Session) -> None:
    """A server started on request answers at once and refuses once stopped; twice the same port is UNMEASURED."""
    port = free_port()
    before, start, twice = session.ask([Udp(HOST, port), Serve("udp", port), Serve("udp", port)])
    reached = only(session.ask([Udp(HOST, port)]))
    session.ask([StopServing("udp", port)])
    after = only(session.ask([Udp(HOST, port)]))
    assert before.seen is Seen.REFUSED
    assert (start.seen, twice.seen) == (Seen.REACHED, Seen.UNMEASURED)
    assert (reached.seen, after.seen) == (Seen.REACHED, Seen.REFUSED)


def test_readiness_follows_the_command(agent: LocalAgent, session: Session) -> None:
    """`/ready` says what the agent was told to say."""
    session.ask([Ready(ready=False)])
    down = only(session.ask([Http(HOST, agent.port, "/ready")]))
    session.ask([Ready(ready=True)])
    up = only(session.ask([Http(HOST, agent.port, "/ready")]))
    assert down.http is not None
    assert up.http is not None
    assert (down.http.status, up.http.status) == (503, 200)


def test_what_was_heard_is_remembered(agent: LocalAgent, session: Session) -> None:
    """A server remembers who asked it what, for the case that its answer never arrives."""
    asked = only(session.ask([Tcp(HOST, agent.port, source="127.0.0.44")]))
    heard = only(session.ask([Heard(client="127.0.0.44")])).details["heard"]
    assert asked.answer is not None
    assert heard[-1]["nonce"] == asked.answer.nonce
    assert only(session.ask([Heard(client="127.0.0.45")])).details["heard"] == []


def test_until_stops_at_the_streak(agent: LocalAgent, session: Session) -> None:
    """A loop ends with the last look of its streak, long before its window."""
    result = only(session.ask([Until(Tcp(HOST, agent.port), streak=3, spacing=0.02, within=20)]))
    assert result.loop is not None
    assert (result.loop.outcome, result.loop.good) == (LoopOutcome.GOOD, 3)
    assert result.loop.ended - result.loop.started < 15
    assert result.loop.streak_began is not None


def test_until_sees_the_moment_of_change(agent: LocalAgent, session: Session) -> None:
    """A server that appears while a loop looks is found, and the loop says when and what was before."""
    port = free_port()
    batch = session.begin([Until(Tcp(HOST, port), streak=2, spacing=0.02, within=20)])
    started = only(session.ask([Serve("tcp", port)]))
    result = only(batch.wait(20))
    assert result.loop is not None
    assert result.loop.outcome is LoopOutcome.GOOD
    assert [look.result.seen for look in result.loop.trail][-1] is Seen.REACHED
    assert result.loop.streak_began is not None
    assert result.loop.streak_began >= started.at - 0.01


def test_until_gives_up_with_the_last_look(session: Session, closed_port: int) -> None:
    """Without a streak the loop is bad and carries what it saw last."""
    result = only(session.ask([Until(Tcp(HOST, closed_port), spacing=0.02, within=0.2)]))
    assert result.loop is not None
    assert (result.loop.outcome, result.loop.good, result.seen) == (LoopOutcome.BAD, 0, Seen.REFUSED)


def test_until_that_cannot_measure_is_unknown(agent: LocalAgent, session: Session) -> None:
    """Looks that break are neither good nor bad: the loop's outcome is unknown."""
    look = Tcp(HOST, agent.port, source="203.0.113.9")
    result = only(session.ask([Until(look, spacing=0.02, within=0.2), Hold(look, spacing=0.02, for_=0.2)][:1]))
    held = only(session.ask([Hold(look, spacing=0.02, for_=0.2)]))
    assert result.loop is not None
    assert held.loop is not None
    assert (result.loop.outcome, held.loop.outcome) == (LoopOutcome.UNKNOWN, LoopOutcome.UNKNOWN)


def test_hold_looks_all_the_time(session: Session, closed_port: int) -> None:
    """A window of good looks is good, and no gap in it is as long as the window."""
    result = only(session.ask([Hold(Tcp(HOST, closed_port), DENIED, for_=0.5, spacing=0.02)]))
    assert result.loop is not None
    assert result.loop.outcome is LoopOutcome.GOOD
    # On an idle machine 25, and no gap: tests/unit/agent counts them, on a clock that waits for nobody.
    assert result.loop.looks >= 3
    assert result.loop.longest_gap < 0.5


def test_hold_finds_one_bad_look(agent: LocalAgent, session: Session) -> None:
    """One bad look spoils the window, and the trail shows it with its observation."""
    port = free_port()
    session.ask([Serve("tcp", port)])
    batch = session.begin([Hold(Tcp(HOST, port), for_=3.0, spacing=0.02)])
    session.ask([Until(Tcp(HOST, port), streak=5, spacing=0.02), StopServing("tcp", port)], parallel=1)
    result = only(batch.wait(PATIENCE))
    assert result.loop is not None
    assert result.loop.outcome is LoopOutcome.BAD
    assert result.loop.good > 0
    assert result.loop.trail[0].result.seen is Seen.REFUSED
    assert result.loop.started <= result.loop.trail[0].at <= result.loop.ended


def test_silent_looks_do_not_hold_up_the_next(session: Session) -> None:
    """Looks overlap: a window as long as one silence has many of them, where one after the other would be two."""
    with mute_listener(backlog=50) as port:
        result = only(session.ask([Hold(Tcp(HOST, port, timeout=0.8), DENIED, for_=0.8, spacing=0.05)]))
    assert result.loop is not None
    assert result.loop.looks >= 3
    assert result.loop.outcome is LoopOutcome.GOOD


@pytest.mark.parametrize(
    ("good", "outcome"),
    [
        (Good(pods=frozenset({"x/a"})), LoopOutcome.GOOD),
        (Good(pods=frozenset({"x/b"})), LoopOutcome.BAD),
        (Good(saw=frozenset({"127.0.0.1"})), LoopOutcome.GOOD),
        (Good(saw=frozenset({"10.0.0.1"})), LoopOutcome.BAD),
        (DENIED, LoopOutcome.BAD),
    ],
)
def test_conditions_of_a_good_look(agent: LocalAgent, session: Session, good: Good, outcome: LoopOutcome) -> None:
    """A look is good only if every condition holds: who answered, and whom the server saw."""
    within = PATIENCE if outcome is LoopOutcome.GOOD else 0.2
    result = only(session.ask([Until(Tcp(HOST, agent.port), good, within=within, spacing=0.05)]))
    assert result.loop is not None
    assert result.loop.outcome is outcome


def test_a_loop_over_http_status(agent: LocalAgent, session: Session) -> None:
    """A loop can wait for a status of HTTP."""
    look = Http(HOST, agent.port, "/status?code=201")
    good, bad = session.ask(
        [
            Until(look, Good(status=frozenset({201})), within=PATIENCE),
            Until(look, Good(status=frozenset({200})), within=0.2),
        ]
    )
    assert good.loop is not None
    assert bad.loop is not None
    assert (good.loop.outcome, bad.loop.outcome) == (LoopOutcome.GOOD, LoopOutcome.BAD)


def test_three_hundred_asks_at_once_are_all_answered(agent: LocalAgent, session: Session) -> None:
    """The lanes of a whole table asked in one batch are all reached, none lost, in order."""
    asks = [(Tcp if i % 2 else Udp)(HOST, agent.port, timeout=PATIENCE) for i in range(324)]
    results = session.ask(asks)
    assert [result.ask for result in results] == asks
    assert {result.seen for result in results} == {Seen.REACHED}


def test_parallel_bounds_what_is_in_flight(session: Session) -> None:
    """With a bound of one, asks wait for each other."""
    with mute_listener(backlog=20) as port:
        results = session.ask([Tcp(HOST, port, timeout=0.15)] * 3, parallel=1)
    starts = [result.at for result in results]
    assert starts[1] - starts[0] >= 0.14
    assert starts[2] - starts[1] >= 0.14
