"""`python3 -m harness.embedded.dns`: the process of a DNS pod. Needs the standard library, dnspython, and the API.

Environment: NODE_NAME (whose planted faults apply) and POD_IPS (the server's own addresses), by the downward API.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from harness.effects.clock import RealClock
from harness.embedded.api.remote import RemoteApi
from harness.embedded.dns.faults import Memory, Planted
from harness.embedded.dns.serve import DnsServer, Ports, parse_addresses, run_until_told
from harness.embedded.dns.view import View


async def main() -> None:
    """Serve until the pod ends."""
    clock = RealClock()
    planted = Planted(os.environ.get("NODE_NAME", ""))
    try:
        api = RemoteApi.in_cluster(component="coredns")
    except KeyError as missing:
        sys.exit(f"harness.embedded.dns runs in a pod of the embedded cluster: {missing.args[0]} is not set")
    view = View(api, clock=clock, planted=planted, local=parse_addresses(os.environ.get("POD_IPS", "")))
    memory = Memory(planted, clock, ("cluster", "local"))
    await run_until_told(DnsServer(view, planted, memory, ports=Ports()))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(name)s: %(message)s")
    asyncio.run(main())
