"""An agent with one line, its own standard input and output, that ends with it: for places that are not pods.

Whoever started it holds the other ends of the pipes. When that process is gone, by whatever means, its input ends, and
so does this. It listens nowhere but at the ports it is asked to serve.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading

from .identity import Identity
from .relay import pump
from .serve import Agent, Options

NAMED = "--as="


def attend(arguments: list[str]) -> int:
    """The command `attend`."""
    names = [each.removeprefix(NAMED) for each in arguments if each.startswith(NAMED)]
    namespace, slash, name = names[-1].partition("/") if names else ("", "", "")
    if not (namespace and slash and name):
        print("agent: say who you are: attend --as=SPACE/NAME", file=sys.stderr)
        return 2
    try:
        options = Options([each for each in arguments if not each.startswith(NAMED)])
    except ValueError as problem:
        print(f"agent: {problem}", file=sys.stderr)
        return 2
    agent = Agent(options, identity=Identity({"POD_NAME": name, "POD_NAMESPACE": namespace}))
    ours, theirs = socket.socketpair()
    agent.door.take(ours)
    threading.Thread(target=_until_the_end, args=(agent, theirs), daemon=True).start()
    return agent.run()


def _until_the_end(agent: Agent, line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        pump(line)
    agent.loop.call_from_thread(agent.loop.stop)
