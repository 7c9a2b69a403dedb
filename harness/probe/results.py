"""What came back from a pod, as values. Nothing here judges: that is `harness.expect`.

`Result.at` and all times of a `LoopReport` are seconds since the epoch on the *host's* clock: the session has moved
them from the pod's clock with the offset it estimated (`Result.clock_error` bounds the mistake, in seconds).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.model.outcome import Seen
from harness.probe.asks import Ask


@dataclass(frozen=True)
class Answer:
    """Who answered, as the server itself says it."""

    pod: str
    """The pod's name."""
    namespace: str
    node: str
    nonce: str
    saw: str
    """The client's address and port as the server saw them: `10.0.0.1:4711`, `[fd00::1]:4711`."""
    local: str
    """The server's own end of the flow."""
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False)
    """Whatever else the server said (counts, headers it received)."""

    @property
    def who(self) -> str:
        """`namespace/pod`."""
        return f"{self.namespace}/{self.pod}"

    @property
    def saw_address(self) -> str:
        """The client's address without its port."""
        return self.saw.rpartition(":")[0].strip("[]")

    @property
    def saw_port(self) -> int:
        """The client's port."""
        return int(self.saw.rpartition(":")[2])

    @property
    def local_address(self) -> str:
        """The address of the server's end."""
        return self.local.rpartition(":")[0].strip("[]")


@dataclass(frozen=True)
class HttpReply:
    """The last HTTP response of an `Http` ask."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True)
class Interface:
    """A network interface of the pod."""

    name: str
    mtu: int
    up: bool
    mac: str
    addresses: tuple[str, ...]
    """With prefix length: `10.244.1.2/24`."""


class LoopOutcome(enum.StrEnum):
    """How a loop in the pod ended."""

    GOOD = "good"
    """The streak was reached, or the whole window was good."""
    BAD = "bad"
    """No streak within the time, or a bad look in the window."""
    UNKNOWN = "unknown"
    """Only looks that could not be measured stood in the way, or there were none."""


@dataclass(frozen=True)
class LoopLook:
    """One look of a loop."""

    at: float
    result: Result


@dataclass(frozen=True)
class LoopReport:
    """A loop of looks, told by the pod that ran it."""

    outcome: LoopOutcome
    looks: int
    good: int
    bad: int
    unmeasured: int
    started: float
    ended: float
    first_good: float | None
    """When the first good look began."""
    streak_began: float | None
    """When the first look of the final good streak began: the moment of convergence for `Until`."""
    longest_gap: float
    """The longest time between the starts of two looks: how long something could have hidden."""
    trail: tuple[LoopLook, ...]
    """Looks worth telling, 20 at most: for `Hold` bad and unmeasured ones, for `Until` every change."""


@dataclass(frozen=True)
class Result:
    """The result of one ask."""

    ask: Ask
    pod: str
    """Who was asked: `namespace/pod`."""
    seen: Seen
    ms: float = 0.0
    """From the start of the ask to its outcome, in milliseconds."""
    at: float = 0.0
    answer: Answer | None = None
    error: str = ""
    """Why it is not REACHED, or what was odd about the answer."""
    errno: str = ""
    """The operating system's name of the error (`ECONNREFUSED`), when there was one."""
    clock_error: float = 0.0
    local: str = ""
    """The client's own end of the flow, as the pod has it: compare with `answer.saw` to see source translation."""
    replies: tuple[Answer, ...] = ()
    """`Udp` with a count: every answer, in order of arrival."""
    wire: bytes = b""
    """`Dns`: the answer's message. `Udp` with a payload: the first answer's bytes."""
    http: HttpReply | None = None
    certificate: bytes = b""
    """`Http` over TLS: the certificate the server showed (DER)."""
    addresses: tuple[str, ...] = ()
    """`Resolve`: what `getaddrinfo` gave, in its order."""
    content: bytes = b""
    """`ReadFile`: the bytes."""
    text: str = ""
    """`Hostname`."""
    interfaces: tuple[Interface, ...] = ()
    loop: LoopReport | None = None
    details: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False)
    """Everything else the agent said, raw."""

    @property
    def who(self) -> str | None:
        """`namespace/pod` of whoever answered."""
        return self.answer.who if self.answer else None

    def __str__(self) -> str:
        told = f"{self.seen.name} {self.ms:.1f} ms"
        if self.answer:
            told += f", answered by {self.answer.who}"
        return told + (f": {self.error}" if self.error else "")


def unmeasured(ask: Ask, pod: str, *, why: str) -> Result:
    """The result of an ask whose answer never came, with the reason."""
    return Result(ask, pod, Seen.UNMEASURED, error=why)
