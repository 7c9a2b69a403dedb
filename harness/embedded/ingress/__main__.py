"""`python3 -m harness.embedded.ingress`: the process of the Ingress pod. Needs the standard library, HAProxy, the API.

Environment: JITTER, the longest delay in seconds before a change is acted upon.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from harness.effects.clock import RealClock
from harness.effects.run import RunError
from harness.embedded.api.remote import RemoteApi
from harness.embedded.ingress.compile import Listening
from harness.embedded.ingress.controller import IngressController, Place
from harness.embedded.ingress.manifests import HOME, NAME, NAMESPACE
from harness.embedded.ingress.proxy import Haproxy


async def main() -> None:
    """Serve until the pod ends. When HAProxy ends by itself, the kubelet finds nobody alive and starts both anew."""
    clock = RealClock()
    try:
        api = RemoteApi.in_cluster(component="ingress-controller")
    except KeyError as missing:
        sys.exit(f"harness.embedded.ingress runs in a pod of the embedded cluster: {missing.args[0]} is not set")
    proxy = Haproxy(Path(HOME), clock)
    controller = IngressController(
        api,
        proxy,
        place=Place(NAMESPACE, NAME),
        listening=Listening(home=HOME, v6=_has_ipv6()),
        clock=clock,
        jitter=float(os.environ.get("JITTER", "0")),
    )
    task = asyncio.create_task(controller.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        pass  # told to end
    except RunError as error:
        sys.exit(str(error))
    finally:
        await proxy.stop()


def _has_ipv6() -> bool:
    """Whether the kernel knows IPv6 at all."""
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(name)s: %(message)s")
    asyncio.run(main())
