"""What lies behind the cluster's zones: nothing. The embedded cluster has no outside.

Every other name is answered as the recorded cluster's upstream did: NXDOMAIN, at once, without records.
"""

from __future__ import annotations

from harness.embedded.dns.records import Answer, Rcode
from harness.embedded.dns.wire import Asked


def closed_world(asked: Asked) -> Answer:
    """No name outside the cluster exists."""
    del asked
    return Answer(Rcode.NXDOMAIN, authoritative=False, recursion_available=True)
