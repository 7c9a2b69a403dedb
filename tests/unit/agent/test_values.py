"""Small pure parts of the agent: frames, outcomes, identities, DNS outlines, options."""

from __future__ import annotations

import errno
import json
import socket
from typing import Any

import pytest

from harness.agent import wire
from harness.agent.ask_dns import outline
from harness.agent.identity import Identity, endpoint
from harness.agent.outcome import REFUSED, SILENT, UNMEASURED, broke, failed, of_errno, silent
from harness.agent.place import socket_name
from harness.agent.protocol import identity, new_nonce
from harness.agent.serve import Options, server_name

# -- frames ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 2, 5, 1000])
def test_frames_survive_any_cut(step: int) -> None:
    """Frames come out as they went in, however the stream was cut."""
    frames = [{"n": 1, "asks": [{"id": 1, "text": "ü\n"}]}, {"ping": 1.5, "have": 0}, {"r": []}]
    data = b"".join(map(wire.encode, frames))
    lines = wire.Lines()
    got = [frame for at in range(0, len(data), step) for frame in lines.feed(data[at : at + step])]
    assert got == frames


@pytest.mark.parametrize("data", [b"warning: x\n", b"[1]\n", b"{\n", b"3\n", b"\xff\xfe\n"])
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    """Other programs' output is noticed, not skipped."""
    with pytest.raises(wire.WireError):
        wire.Lines().feed(data)


def test_endless_lines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line without an end is an error before it has eaten the memory."""
    monkeypatch.setattr(wire, "LONGEST_LINE", 100)
    lines = wire.Lines()
    with pytest.raises(wire.WireError):
        for _ in range(20):
            lines.feed(b"x" * 10)


def test_frames_are_one_line_each() -> None:
    """No frame contains a line end of its own."""
    assert wire.encode({"text": "a\nb\r\n"}).count(b"\n") == 1


# -- outcomes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("ECONNREFUSED", REFUSED),
        ("ECONNRESET", REFUSED),
        ("EPIPE", REFUSED),
        ("ENOPROTOOPT", REFUSED),
        ("EACCES", REFUSED),
        ("EHOSTUNREACH", SILENT),
        ("ENETUNREACH", SILENT),
        ("ETIMEDOUT", SILENT),
        ("EPERM", SILENT),
        ("EMFILE", UNMEASURED),
        ("ENOBUFS", UNMEASURED),
        ("EADDRNOTAVAIL", UNMEASURED),
        ("EINVAL", UNMEASURED),
    ],
)
def test_errors_of_the_network_become_outcomes(name: str, seen: str) -> None:
    """Who said no is REFUSED, where nobody is it is SILENT, what broke here is UNMEASURED; the name is kept."""
    entry = failed(of_errno(getattr(errno, name), "connecting"), 0.0)
    assert (entry["seen"], entry["errno"]) == (seen, name)
    assert entry["error"].startswith("connecting: ")


@pytest.mark.parametrize("code", [errno.ECONNREFUSED, errno.EACCES, errno.EHOSTUNREACH, errno.EADDRINUSE])
def test_errors_before_anything_was_sent_are_unmeasured(code: int) -> None:
    """An error while preparing the ask says nothing about the network, whatever its number."""
    assert broke(OSError(code, "x"), "binding").seen == UNMEASURED


def test_silence_names_its_limit() -> None:
    """The words for silence have the time that was waited."""
    assert silent("no answer", 0.5).error == "no answer within 0.5 s"


# -- identities -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (("10.0.0.1", 80), "10.0.0.1:80"),
        (("fd00::1", 80, 0, 0), "[fd00::1]:80"),
        (("fe80::1%eth0", 80, 0, 3), "[fe80::1]:80"),
        (("::ffff:10.0.0.1", 80, 0, 0), "10.0.0.1:80"),
        (("::1", 80, 0, 0), "[::1]:80"),
    ],
)
def test_endpoints_read_the_usual_way(address: tuple[Any, ...], text: str) -> None:
    """IPv6 in brackets without scope, IPv4 never in IPv6 clothes."""
    assert endpoint(address) == text


def test_an_answer_is_json_with_everything() -> None:
    """An answer names pod, namespace, node, nonce and both ends, also with odd characters in them."""
    me = Identity({"POD_NAME": 'a"b', "POD_NAMESPACE": "x", "NODE_NAME": "n1"})
    told = json.loads(me.answer("tcp", "n-1", ("10.0.0.1", 5), ("10.0.0.2", 80), took=3))
    assert told == {
        "pod": 'a"b',
        "namespace": "x",
        "node": "n1",
        "nonce": "n-1",
        "saw": "10.0.0.1:5",
        "local": "10.0.0.2:80",
        "took": 3,
    }


def test_questions_are_remembered_by_nonce_and_client() -> None:
    """What was heard can be found by the beginning of a nonce or by the client's address, of either family."""
    me = Identity({"POD_NAME": "a"})
    me.answer("udp", "aa.0", ("10.0.0.1", 5), ("10.0.0.2", 80))
    me.answer("tcp", "bb", ("fd00::5", 6, 0, 0), ("fd00::2", 81, 0, 0))
    assert [one["nonce"] for one in me.recall(nonce="aa")] == ["aa.0"]
    assert [one["port"] for one in me.recall(client="fd00::5")] == [81]
    assert me.recall(client="10.0.0.9") == []
    assert len(me.recall()) == 2


@pytest.mark.parametrize(
    ("line", "ours"),
    [
        (b'{"pod": "a", "nonce": "1"}', True),
        (b'{"pod": "a"}', False),
        (b"{", False),
        (b"SSH-2.0", False),
        (b"[]", False),
        (b"", False),
    ],
)
def test_only_our_servers_answers_count_as_identity(line: bytes, ours: bool) -> None:
    """A line is an identity only if it is ours in form."""
    assert (identity(line) is not None) is ours


def test_nonces_do_not_repeat() -> None:
    """Ten thousand nonces are ten thousand different ones."""
    assert len({new_nonce() for _ in range(10_000)}) == 10_000


def test_socket_name_is_the_pods_own() -> None:
    """Agents that share a network namespace do not share a socket; containers of a pod may be told apart."""
    names = {
        socket_name({"POD_UID": "u1"}),
        socket_name({"POD_UID": "u2"}),
        socket_name({"POD_UID": "u2", "HARNESS_CONTAINER": "second"}),
        socket_name({"HARNESS_SOCKET": "test"}),
        socket_name({}),
    }
    assert len(names) == 5
    assert all(name.startswith("\0") for name in names)


# -- DNS ------------------------------------------------------------------------------------------------------------

HEADER = bytes.fromhex("abcd8583")


def message(answers: list[tuple[int, bytes]], *, header: bytes = HEADER, name: bytes = b"\xc0\x0c") -> bytes:
    question = b"\x03web\x04shop\x00\x00\x01\x00\x01"
    counts = b"\x00\x01" + len(answers).to_bytes(2, "big") + b"\x00\x00\x00\x00"
    records = b"".join(
        name + kind.to_bytes(2, "big") + b"\x00\x01\x00\x00\x00\x1e" + len(data).to_bytes(2, "big") + data
        for kind, data in answers
    )
    return header + counts + question + records


def test_outline_has_code_and_addresses() -> None:
    """Response code and addresses of both families are found, other records passed over."""
    six = socket.inet_pton(socket.AF_INET6, "fd00::1")
    told = outline(message([(5, b"\x01x\x00"), (1, b"\x0a\x60\x00\x01"), (28, six), (1, b"\x0a\x60\x00\x02")]))
    assert told == {"rcode": 3, "truncated": False, "addresses": ["10.96.0.1", "10.96.0.2", "fd00::1"]}


def test_outline_of_uncompressed_names() -> None:
    """Names written out are passed over as well as pointers."""
    told = outline(message([(1, b"\x0a\x60\x00\x01")], name=b"\x03web\x04shop\x00"))
    assert told["addresses"] == ["10.96.0.1"]


def test_outline_of_a_cut_message_says_so() -> None:
    """A message cut short is unreadable, not empty."""
    whole = message([(1, b"\x0a\x60\x00\x01")])
    for size in range(13, len(whole)):
        assert outline(whole[:size]).get("unreadable") is True, size


def test_outline_sees_truncation() -> None:
    """The TC bit is told."""
    assert outline(message([], header=bytes.fromhex("abcd8780")))["truncated"] is True


# -- options --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("tcp:80", ("tcp", 80, "")),
        ("udp:53@127.0.0.1", ("udp", 53, "127.0.0.1")),
        ("sctp:65535@::1", ("sctp", 65535, "::1")),
    ],
)
def test_servers_are_named_by_protocol_port_address(text: str, server: tuple[str, int, str]) -> None:
    """A server's name is read into its parts."""
    assert server_name(text) == server


def test_options_of_serve() -> None:
    """Lingering, readiness and servers are read from the command line."""
    options = Options(["--linger=2.5", "--unready", "tcp:80", "udp:80"])
    assert (options.linger, options.ready) == (2.5, False)
    assert options.servers == [("tcp", 80, ""), ("udp", 80, "")]
    with pytest.raises(ValueError, match="tcp:80"):
        Options(["--lingre=2"])
