"""What workers of a run found out by probing, each once: a file in the report directory, locked while somebody probes.

The kernel gives the lock back when a worker dies. What nobody could tell is not written down: it may have been the
worker's own trouble, and the next one asks for itself. What a killed run left there is not listened to.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.effects.files import write_atomic
from harness.model.capability import Fact, State

LOCK, FILE = ".facts", ".facts.json"
FILES = (LOCK, FILE)
"""What this leaves in the directory of a run while it goes on."""


class SharedFacts:
    """The facts between the workers of one run."""

    def __init__(self, directory: Path, run: str) -> None:
        self._run = run
        self._lock = directory / LOCK
        self._file = directory / FILE
        self._ours: dict[str, Fact] = {}

    def once(self, name: str, find: Callable[[], Fact]) -> Fact:
        """The fact of that name; found out by the first who asks, while the others wait."""
        if (told := self.told(name)) is not None:
            return told
        with self._locked():
            if (told := self.told(name)) is not None:
                return told
            return self._keep(name, find())

    def tell(self, name: str, fact: Fact) -> None:
        """Something came out by the way; what was told before stands."""
        with self._locked():
            if self.told(name) is None:
                self._keep(name, fact)

    def told(self, name: str) -> Fact | None:
        """What somebody found out."""
        return self._ours.get(name) or self.all().get(name)

    def all(self) -> dict[str, Fact]:
        """Everything that was found out."""
        try:
            told = json.loads(self._file.read_text())
            facts = told["facts"] if told["run"] == self._run else {}
            return {name: Fact.of(each) for name, each in facts.items()}
        except (FileNotFoundError, NotADirectoryError, ValueError, LookupError, TypeError, AttributeError):
            return {}

    def _keep(self, name: str, fact: Fact) -> Fact:
        self._ours[name] = fact
        if fact.state is not State.UNKNOWN:
            several = {**self.all(), name: fact}
            facts = {key: each.as_dict() for key, each in several.items()}
            write_atomic(self._file, json.dumps({"run": self._run, "facts": facts}).encode())
        return fact

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
