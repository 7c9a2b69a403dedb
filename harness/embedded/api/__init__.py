"""How the parts of the embedded cluster speak to its API: `Api`, an in-process one, and a cache over list and watch."""

from harness.embedded.api.cache import Cache
from harness.embedded.api.interface import Api
from harness.embedded.api.local import LocalApi

__all__ = ["Api", "Cache", "LocalApi"]
