"""Expectations that were declared and never checked are an error: a test that forgets to look must not pass."""

from __future__ import annotations

from types import TracebackType
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class NeverCheckedError(AssertionError):
    """Something was promised and nobody looked."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        super().__init__(f"{len(names)} expectations were declared and never checked: {', '.join(names)}")


class Pending(Generic[K, V]):
    """Declared expectations by name. As a context it insists, at its end, that all were checked.

    with Pending() as pending:
        pending.declare("web", {"10.0.0.1"})
        assert ask("web") == pending.check("web")
    """

    def __init__(self) -> None:
        self._declared: dict[K, V] = {}
        self._checked: set[K] = set()

    def declare(self, name: K, expected: V) -> None:
        """Promise to check. Raises ValueError when the name is taken."""
        if name in self._declared:
            raise ValueError(f"{name!r} is declared already: two expectations under one name hide one of them")
        self._declared[name] = expected

    def check(self, name: K) -> V:
        """The expectation, from now on checked. Raises KeyError when it was never declared."""
        if name not in self._declared:
            raise KeyError(f"{name!r} was never declared; declared: {sorted(map(str, self._declared))}")
        self._checked.add(name)
        return self._declared[name]

    def unchecked(self) -> list[K]:
        """Declared and not checked yet, in the order of declaration."""
        return [name for name in self._declared if name not in self._checked]

    def must_be_done(self) -> None:
        """Raises NeverCheckedError when anything is left."""
        if left := self.unchecked():
            raise NeverCheckedError([str(each) for each in left])

    def __enter__(self) -> Pending[K, V]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:  # a failure on the way explains itself; do not cover it
            self.must_be_done()
