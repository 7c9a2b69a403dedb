"""Questions a pod can be asked, as values. Nothing here asks; `Session.ask` does.

Each ask is one look with a time limit of its own (`timeout`, seconds). `Until` and `Hold` wrap any look and repeat it
inside the pod, by the pod's clock, so that neither the length of the path nor the load of the test machine is measured.
`Good` says as data what a good look is. How outcomes are decided: `harness/agent/outcome.py`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field
from typing import Any, ClassVar

from harness.model.outcome import Seen

TIMEOUT = 1.0
"""Seconds one look may take. A healthy path answers in milliseconds; the first retransmission of a SYN comes after
one second, so a longer limit would mostly measure retransmissions, a much shorter one the load of the machine."""

SPACING = 0.1
"""Seconds between the starts of two looks of a loop. Looks overlap: a silent one does not hold up the next."""

STREAK = 3
"""Good looks in a row that count as steady: one may be luck while rules are being replaced."""


def _plain(ask: Any) -> dict[str, Any]:
    """The fields of an ask as its wire dictionary, without optional ones left at nothing."""
    wire: dict[str, Any] = {"do": ask.do}
    for name, about in ask.__dataclass_fields__.items():
        value = getattr(ask, name)
        optional = about.default is not MISSING or about.default_factory is not MISSING
        if isinstance(value, bytes):
            value = base64.b64encode(value).decode()
        elif isinstance(value, Mapping):
            value = dict(value)
        if value or not optional:
            wire[name] = value
    return wire


@dataclass(frozen=True, kw_only=True)
class Good:
    """What a good look is, as data the agent can judge: every condition that is given must hold.

    `seen` any of these; `pods` the answer came from one of these (`namespace/pod`); `saw` the server saw one of these
    client addresses; `status` the HTTP status is one of these; `rcode` the DNS response code (a number);
    `addresses` the addresses of a DNS or `Resolve` answer are exactly this set.
    """

    seen: frozenset[Seen] = frozenset({Seen.REACHED})
    pods: frozenset[str] | None = None
    saw: frozenset[str] | None = None
    status: frozenset[int] | None = None
    rcode: int | None = None
    addresses: frozenset[str] | None = None

    def wire(self) -> dict[str, Any]:
        """As the agent reads it."""
        conditions: dict[str, Any] = {"seen": sorted(str(seen) for seen in self.seen)}
        for name in ("pods", "saw", "status", "addresses"):
            wanted: Iterable[Any] | None = getattr(self, name)
            if wanted is not None:
                conditions[name] = sorted(wanted)
        if self.rcode is not None:
            conditions["rcode"] = self.rcode
        return conditions


REACHED = Good()
"""An answer came back."""

DENIED = Good(seen=frozenset({Seen.REFUSED, Seen.SILENT}))
"""No answer came back, or one that says no. Believed only after a positive control (design §4.3)."""


class Ask:
    """Anything a pod can be asked: a look, or a loop of looks."""

    do: ClassVar[str]
    timeout: float

    def wire(self) -> dict[str, Any]:
        """As the agent reads it."""
        return _plain(self)

    @property
    def longest(self) -> float:
        """Seconds after which the agent has answered, whatever happens on the network."""
        return self.timeout


@dataclass(frozen=True)
class Tcp(Ask):
    """Open a TCP connection, ask who is there, close it.

    With `identify` off the handshake alone counts as REACHED (for servers that are not ours).
    `keep` leaves the connection open in the pod under that name; later `Send`s use it.
    """

    do = "tcp"
    host: str
    port: int
    timeout: float = field(default=TIMEOUT, kw_only=True)
    source: str = field(default="", kw_only=True)
    source_port: int = field(default=0, kw_only=True)
    identify: bool = field(default=True, kw_only=True)
    keep: str = field(default="", kw_only=True)

    def wire(self) -> dict[str, Any]:
        """As the agent reads it; `identify` is always said, since off is the odd case."""
        return {**_plain(self), "identify": self.identify}


@dataclass(frozen=True)
class Udp(Ask):
    """Send datagrams from one connected socket and collect the answers.

    Without a payload the datagram asks who is there. REACHED when at least one answer came; `Result.replies` has all
    answers, and `keep` leaves the socket open under that name (its source port stays: one flow).
    """

    do = "udp"
    host: str
    port: int
    timeout: float = field(default=TIMEOUT, kw_only=True)
    source: str = field(default="", kw_only=True)
    source_port: int = field(default=0, kw_only=True)
    payload: bytes = field(default=b"", kw_only=True)
    count: int = field(default=1, kw_only=True)
    spacing: float = field(default=0.0, kw_only=True)
    size: int = field(default=0, kw_only=True)
    """Pad the identity question to this many bytes; the answer is padded alike (MTU)."""
    keep: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Sctp(Ask):
    """As `Tcp` over one-to-one SCTP. UNMEASURED with the reason where the kernel has no SCTP."""

    do = "sctp"
    host: str
    port: int
    timeout: float = field(default=TIMEOUT, kw_only=True)
    source: str = field(default="", kw_only=True)
    source_port: int = field(default=0, kw_only=True)


@dataclass(frozen=True)
class Send(Ask):
    """Ask who is there on a connection or datagram socket kept under this name; `close` it afterwards."""

    do = "send"
    name: str
    timeout: float = field(default=TIMEOUT, kw_only=True)
    close: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Payload(Ask):
    """Send `size` bytes over TCP, have them counted, and receive as many back: finds paths that lose large packets."""

    do = "payload"
    host: str
    port: int
    size: int
    timeout: float = field(default=5.0, kw_only=True)
    source: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Http(Ask):
    """One HTTP/1.1 request. REACHED when a response came, whatever its status. `requests` > 1 reuses the connection."""

    do = "http"
    host: str
    port: int = 80
    path: str = "/"
    timeout: float = field(default=TIMEOUT, kw_only=True)
    method: str = field(default="GET", kw_only=True)
    host_header: str = field(default="", kw_only=True)
    headers: Mapping[str, str] = field(default_factory=dict, kw_only=True, hash=False)
    body: bytes = field(default=b"", kw_only=True)
    source: str = field(default="", kw_only=True)
    source_port: int = field(default=0, kw_only=True)
    tls: bool = field(default=False, kw_only=True)
    """Speak TLS without verifying the certificate: who answers is proved by the answer, not by its name."""
    server_name: str = field(default="", kw_only=True)
    requests: int = field(default=1, kw_only=True)
    limit: int = field(default=65536, kw_only=True)
    """Bytes of the body to bring back."""


@dataclass(frozen=True)
class Dns(Ask):
    """Carry a DNS message to a server and its answer back, as wire bytes. REACHED when an answer with its id came."""

    do = "dns"
    server: str
    wire_query: bytes
    port: int = field(default=53, kw_only=True)
    proto: str = field(default="udp", kw_only=True)
    timeout: float = field(default=2.0, kw_only=True)
    source: str = field(default="", kw_only=True)
    source_port: int = field(default=0, kw_only=True)


@dataclass(frozen=True)
class Icmp(Ask):
    """One echo request through an unprivileged ping socket. UNMEASURED where `ping_group_range` forbids it."""

    do = "icmp"
    host: str
    timeout: float = field(default=TIMEOUT, kw_only=True)
    size: int = field(default=56, kw_only=True)
    source: str = field(default="", kw_only=True)
    dont_fragment: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Resolve(Ask):
    """Ask the pod's own resolver (`getaddrinfo`): search list, ndots, hosts file. `family`: "", "IPv4", "IPv6".

    REACHED with `Result.addresses`; REFUSED with `Result.error` when the name does not exist.
    """

    do = "resolve"
    name: str
    family: str = ""
    timeout: float = field(default=10.0, kw_only=True)


@dataclass(frozen=True)
class ReadFile(Ask):
    """A file of the pod, at most `limit` bytes; `Result.content`."""

    do = "read"
    path: str
    timeout: float = field(default=2.0, kw_only=True)
    limit: int = field(default=262144, kw_only=True)


@dataclass(frozen=True)
class Interfaces(Ask):
    """The pod's network interfaces with addresses and MTU; `Result.interfaces`."""

    do = "interfaces"
    timeout: float = field(default=2.0, kw_only=True)


@dataclass(frozen=True)
class Hostname(Ask):
    """The pod's hostname, its fully qualified name as the pod's resolver has it, and its environment; `Result.text`,
    `Result.details`."""

    do = "hostname"
    timeout: float = field(default=10.0, kw_only=True)


@dataclass(frozen=True)
class Serve(Ask):
    """Start one more server in the pod (`proto`: "tcp", "udp", "sctp"). UNMEASURED when the port cannot be bound."""

    do = "serve"
    proto: str
    port: int
    address: str = ""
    timeout: float = field(default=2.0, kw_only=True)


@dataclass(frozen=True)
class StopServing(Ask):
    """Close a server of the pod; `connections` closes what it had accepted too."""

    do = "stop"
    proto: str
    port: int
    timeout: float = field(default=2.0, kw_only=True)
    connections: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Ready(Ask):
    """From now on `/ready` answers 200 or 503."""

    do = "ready"
    ready: bool
    timeout: float = field(default=2.0, kw_only=True)

    def wire(self) -> dict[str, Any]:
        """As the agent reads it; `ready` is always said."""
        return {"do": self.do, "timeout": self.timeout, "ready": self.ready}


@dataclass(frozen=True)
class Heard(Ask):
    """What the pod's servers saw of a nonce or a client address: `Result.details["heard"]`, newest last.

    A list of `{"at", "proto", "port", "nonce", "saw"}`: proof that something arrived although no answer came back.
    """

    do = "heard"
    timeout: float = field(default=2.0, kw_only=True)
    nonce: str = field(default="", kw_only=True)
    client: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Crash(Ask):
    """End the agent at once with this exit code. Never answered: its result is UNMEASURED, as for any lost agent."""

    do = "crash"
    code: int = 1
    timeout: float = field(default=2.0, kw_only=True)


Look = Tcp | Udp | Sctp | Send | Payload | Http | Dns | Icmp | Resolve


@dataclass(frozen=True)
class Until(Ask):
    """Repeat a look until it was good `streak` times in a row, for at most `within` seconds."""

    do = "until"
    ask: Look
    good: Good = REACHED
    within: float = field(default=30.0, kw_only=True)
    streak: int = field(default=STREAK, kw_only=True)
    spacing: float = field(default=SPACING, kw_only=True)

    def wire(self) -> dict[str, Any]:
        """As the agent reads it."""
        loop = {"within": self.within, "streak": self.streak, "spacing": self.spacing}
        return {"do": self.do, "ask": self.ask.wire(), "good": self.good.wire(), **loop}

    @property
    def longest(self) -> float:
        """The window and the looks still in flight at its end."""
        return self.within + self.ask.timeout


@dataclass(frozen=True)
class Hold(Ask):
    """Repeat a look for `for_` seconds; every look has to be good."""

    do = "hold"
    ask: Look
    good: Good = REACHED
    for_: float = field(default=2.0, kw_only=True)
    spacing: float = field(default=SPACING, kw_only=True)

    def wire(self) -> dict[str, Any]:
        """As the agent reads it."""
        loop = {"for": self.for_, "spacing": self.spacing}
        return {"do": self.do, "ask": self.ask.wire(), "good": self.good.wire(), **loop}

    @property
    def longest(self) -> float:
        """The window and the looks still in flight at its end."""
        return self.for_ + self.ask.timeout
