"""The agent's command line: `serve [--linger=S] [--unready] PROTO:PORT[@ADDRESS]…`, `relay`, `attend --as=WHO/NAME`.

`attend` is both in one: an agent whose only line is its standard input and output, and that ends with it.
"""

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
        case ["attend", *rest]:
            from .attend import attend  # noqa: PLC0415 - see above

            return attend(rest)
    print("agent: say serve, relay or attend", file=sys.stderr)
    return 2
