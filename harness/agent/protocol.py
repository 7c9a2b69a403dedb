"""The questions our servers understand on a raw connection or in a datagram, and reading their answers.

    who NONCE\\n                     → the server's identity, one JSON line
    take NONCE SIZE\\n + SIZE bytes  → identity with "took"; then SIZE bytes back
A datagram `who NONCE\\n` may be padded; the answer is padded to the same size. Any other datagram is answered with
the identity line followed by the datagram itself. Anything that looks like an HTTP request line is HTTP.
"""

from __future__ import annotations

import binascii
import json
import os
from typing import Any

WHO = b"who "
TAKE = b"take "
LONGEST_LINE = 16384


def new_nonce() -> str:
    """Unguessable and never repeated: an answer that carries it is the answer to this question."""
    return binascii.hexlify(os.urandom(6)).decode()


def identity(line: bytes) -> dict[str, Any] | None:
    """An answer line as a dictionary; None when it is not from one of our servers."""
    if not line.startswith(b"{"):
        return None
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) and "pod" in told and "nonce" in told else None
