"""Which planted fault applies here? Components ask this at the one place where the broken behaviour differs.

The answer is the store's (`harness.embedded.store.planted`): the API server can be broken on purpose as well.
"""

from __future__ import annotations

from harness.embedded.store.planted import active

__all__ = ["RESOURCE", "active"]

RESOURCE = "faults.faults.harness.dev"
"""The resource to watch."""
