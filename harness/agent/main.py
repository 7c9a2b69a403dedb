"""The agent's command line: `serve [--linger=S] [--unready] PROTO:PORT[@ADDRESS]…` or `relay`."""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    """Run a command; the exit code."""
    match arguments:
        case ["serve", *rest]:
            from .serve import serve  # noqa: PLC0415 - a relay starts faster without it

            return serve(rest)
        case ["relay"]:
            from .relay import relay  # noqa: PLC0415 - see above

            return relay()
    print("agent: say serve or relay", file=sys.stderr)
    return 2
