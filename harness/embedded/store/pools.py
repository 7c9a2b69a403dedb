"""Pools of addresses and ports to give out. In memory; the store rebuilds nothing, it is the only user."""

from __future__ import annotations

import ipaddress
import random
from itertools import chain

from harness.embedded.store.names import address


class PoolError(Exception):
    """A wish the pool cannot grant; the text is the real server's."""


class FullError(Exception):
    """Nothing is left."""


class AddressPool:
    """The cluster addresses of one family. Random ones come from above a band kept for fixed ones (KEP-3070)."""

    def __init__(self, cidr: str, rng: random.Random) -> None:
        self._network = ipaddress.ip_network(cidr)
        self._rng = rng
        self._taken: set[str] = set()
        size = min(self._network.num_addresses, 2**16)
        self._band = 0 if size < 32 else min(max(16, size // 16), 256)
        self._size = size

    @property
    def first(self) -> str:
        """What a dry run is shown."""
        return str(self._network[0])

    def take(self, text: str) -> str:
        """A certain address. Raises PoolError."""
        wanted = address(text)
        if wanted is None or wanted.version != self._network.version or wanted not in self._network:
            raise PoolError("the provided network does not match the current range")
        if str(wanted) in self._taken:
            raise PoolError("provided IP is already allocated")
        self._taken.add(str(wanted))
        return str(wanted)

    def take_any(self) -> str:
        """Any free address. Raises FullError."""
        for low, high in ((max(1, self._band), self._size - 2), (1, self._band - 1)):
            found = self._search(low, high)
            if found:
                self._taken.add(found)
                return found
        raise FullError("range is full")

    def _search(self, low: int, high: int) -> str:
        if high < low:
            return ""
        start = self._rng.randint(low, high)
        for offset in chain(range(start, high + 1), range(low, start)):
            candidate = str(self._network[offset])
            if candidate not in self._taken:
                return candidate
        return ""

    def give_back(self, text: str) -> None:
        """Make an address free; unknown ones are none of ours."""
        self._taken.discard(str(address(text)))


class PortPool:
    """The node ports."""

    def __init__(self, low: int, high: int, rng: random.Random) -> None:
        self.low, self.high = low, high
        self._rng = rng
        self._taken: set[int] = set()

    def take(self, port: int) -> int:
        """A certain port. Raises PoolError."""
        if not self.low <= port <= self.high:
            raise PoolError(
                f"provided port is not in the valid range. The range of valid ports is {self.low}-{self.high}"
            )
        if port in self._taken:
            raise PoolError("provided port is already allocated")
        self._taken.add(port)
        return port

    def take_any(self) -> int:
        """Any free port. Raises FullError."""
        start = self._rng.randint(self.low, self.high)
        for port in chain(range(start, self.high + 1), range(self.low, start)):
            if port not in self._taken:
                self._taken.add(port)
                return port
        raise FullError("range is full")

    def give_back(self, port: int) -> None:
        """Make a port free."""
        self._taken.discard(port)
