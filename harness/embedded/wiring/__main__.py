"""The cluster's process: `python -m harness.embedded.wiring <settings as JSON>`, started by its owner only.

Writes its log to standard error and, for clusters that stand by themselves, to the private /run/harness/cluster.log.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import socket
import sys
from typing import Any

from harness.effects.clock import RealClock
from harness.effects.files import write_atomic
from harness.embedded.wiring import ground
from harness.embedded.wiring.cluster import Cluster
from harness.embedded.wiring.lifeline import Lifeline
from harness.embedded.wiring.settings import Settings

YOUNG = 10_000
"""New objects after which young ones are looked through: about one big list of the API."""


def main(argv: list[str]) -> int:
    """Boot, tell the owner, live until told otherwise."""
    document: dict[str, Any] = json.loads(argv[1])
    descriptors = {name: document.pop(name) for name in ("api_fd", "control_fd", "name_fd")}
    lifeline = Lifeline(control_fd=descriptors["control_fd"], name_fd=descriptors["name_fd"])
    lifeline.watch()
    try:
        ground.prepare()
        asyncio.run(live(Settings.from_dict(document), descriptors["api_fd"], lifeline))
    except Exception as error:
        logging.exception("the cluster did not come up")  # noqa: LOG015  # the process's last words
        lifeline.say({"error": f"{type(error).__name__}: {error}".splitlines()[0]})
        return 1
    return 0


async def live(settings: Settings, api_fd: int, lifeline: Lifeline) -> None:
    """Start the cluster, say how to reach it, and serve for ever."""
    clock = RealClock()
    began = clock.now()
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        handlers=[logging.StreamHandler(), logging.FileHandler(ground.STATE / "cluster.log")],
    )
    cluster = Cluster(settings, socket.socket(fileno=api_fd))
    await cluster.start()
    kubeconfig = cluster.kubeconfig()
    write_atomic(ground.STATE / "kubeconfig", json.dumps(kubeconfig).encode(), mode=0o600)
    _settle_memory()
    lifeline.say({"kubeconfig": kubeconfig, "boot_s": clock.now() - began, "pid": os.getpid()})
    await asyncio.Event().wait()


def _settle_memory() -> None:
    """Look for garbage less often, and never among what lives as long as the cluster.

    The store keeps every object and its past: to go through it after each few hundred new ones is work for nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
