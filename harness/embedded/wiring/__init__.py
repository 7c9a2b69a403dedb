"""Builds the embedded cluster out of its components, starts and stops them in order, and ties it to its owner.

Importing this package pulls in nothing but the settings: the owner of a cluster needs no more.
"""

from harness.embedded.wiring.settings import FAMILIES, Settings

__all__ = ["FAMILIES", "Settings"]
