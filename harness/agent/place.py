"""Where an agent and its relays meet: an abstract unix socket. Apart from all else, so that a relay starts quickly.

Abstract, so that it needs no writable file system and leaves no file. The name carries the pod's uid, as pods of the
host network share one namespace of such names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping


def socket_name(environment: Mapping[str, str] = os.environ) -> str:
    """The abstract name: the same for the agent and for a relay started in the same container."""
    who = environment.get("POD_UID") or environment.get("HARNESS_SOCKET") or "lonely"
    return f"\0harness-agent/{who}/{environment.get('HARNESS_CONTAINER', 'agent')}"
