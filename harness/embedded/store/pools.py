"""Pools of addresses and ports to give out. In memory; the store rebuilds nothing, it is the only user."""

from __future__ import annotations

import ipaddress
import random
from dataclasses import dataclass
from itertools import chain

from harness.embedded.store.names import address


class PoolError(Exception):
    """A wish the pool cannot grant; the text is the real server's."""


class FullError(Exception):
    """Nothing is left."""


@dataclass(frozen=True)
class _Range:
    """One block of addresses, with a band at its beginning that is kept for fixed ones (KEP-3070)."""

    network: ipaddress.IPv4Network | ipaddress.IPv6Network

    @property
    def size(self) -> int:
        """How many addresses are looked at."""
        return min(self.network.num_addresses, 2**16)

    @property
    def band(self) -> int:
        """How many of the first are kept."""
        return 0 if self.size < 32 else min(max(16, self.size // 16), 256)


class AddressPool:
    """The cluster addresses of one family, from one or more blocks. Random ones come from above the bands."""

    def __init__(self, cidr: str, rng: random.Random) -> None:
        self._ranges = {cidr: _Range(ipaddress.ip_network(cidr))}
        self._fixed = cidr
        self._rng = rng
        self._taken: set[str] = set()

    def extend(self, cidr: str) -> None:
        """Another block to give from."""
        self._ranges.setdefault(cidr, _Range(ipaddress.ip_network(cidr, strict=False)))

    def shrink(self, cidr: str) -> None:
        """A block is gone; the first one stays."""
        if cidr != self._fixed:
            self._ranges.pop(cidr, None)

    def take(self, text: str) -> str:
        """A certain address. Raises PoolError."""
        wanted = address(text)
        if wanted is None or not any(wanted in each.network for each in self._ranges.values()):
            raise PoolError("the provided network does not match the current range")
        if str(wanted) in self._taken:
            raise PoolError("provided IP is already allocated")
        self._taken.add(str(wanted))
        return str(wanted)

    def hold(self, text: str) -> None:
        """An address that somebody else has, whether or not it is one of ours."""
        self._taken.add(text)

    def take_any(self) -> str:
        """Any free address. Raises FullError."""
        for each in self._ranges.values():
            for low, high in ((max(1, each.band), each.size - 2), (1, each.band - 1)):
                if found := self._search(each, low, high):
                    self._taken.add(found)
                    return found
        raise FullError("range is full")

    def _search(self, block: _Range, low: int, high: int) -> str:
        if high < low:
            return ""
        start = self._rng.randint(low, high)
        for offset in chain(range(start, high + 1), range(low, start)):
            candidate = str(block.network[offset])
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
