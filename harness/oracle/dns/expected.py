"""What may come back for a question, as values: a list of acceptable answers, the promised one first.

Not every acceptable answer is equally good: SOFT ones are known deviations of deployed servers, not failures.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from harness.model.dns import Question


class Kind(enum.StrEnum):
    """The shape of an answer."""

    POSITIVE = "positive"
    NODATA = "NODATA"
    """NOERROR without records of the type: the name exists."""
    NXDOMAIN = "NXDOMAIN"
    ABSENT = "absent"
    """NODATA or NXDOMAIN: the data is not there; which of both is not required."""
    NOT_OURS = "not from the cluster's data"
    """Anything but an answer made of this zone: the question belongs to somebody else."""
    APEX_SOA = "the zone's SOA"
    """NOERROR and the SOA of the zone in the answer section."""


class Level(enum.StrEnum):
    """How an acceptable answer stands."""

    PROMISED = "promised"
    MAY = "allowed"
    SOFT = "known deviation"


Fact = tuple[str, str, str]
"""(owner, type, rdata), canonical; SRV rdata is `port target`."""


@dataclass(frozen=True)
class Alternative:
    """One acceptable answer. For POSITIVE: all of `required`, nothing outside `permitted`."""

    kind: Kind
    required: frozenset[Fact] = frozenset()
    permitted: frozenset[Fact] = frozenset()
    open_owners: frozenset[str] = frozenset()
    """Names outside the zone, reached by CNAME: whatever they own is fine."""
    rcodes: frozenset[str] = frozenset({"NOERROR"})
    level: Level = Level.PROMISED
    note: str = ""

    def __str__(self) -> str:
        text = str(self.kind)
        if self.kind is Kind.POSITIVE:
            text = "{" + ", ".join(sorted(f"{kind} {rdata}" for _, kind, rdata in self.required)) + "}"
            if more := len(self.permitted - self.required):
                text += f" and at most {more} more"
        return text if self.level is Level.PROMISED else f"{text} ({self.level}{': ' if self.note else ''}{self.note})"


@dataclass(frozen=True)
class Expected:
    """Everything acceptable for one question, with the bounds all of it must keep."""

    question: Question
    alternatives: tuple[Alternative, ...]
    rule: str
    """Where the promise stands: a section of the specification, an RFC, a catalogue row."""
    zone: str
    ttl: int
    """No record of the zone may live longer."""
    negative_ttl: int
    truth: frozenset[Fact] = field(default=frozenset(), repr=False)
    """Everything the zone may say: what records in the additional section are held against."""

    @property
    def promised(self) -> Alternative:
        """The first choice."""
        return self.alternatives[0]

    def __str__(self) -> str:
        return f"{self.question}: " + ", or ".join(map(str, self.alternatives))
