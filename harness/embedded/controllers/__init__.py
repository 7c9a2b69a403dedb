"""Controllers: what turns wishes in the API into state in the API. They never touch the kernel.

Each is a pure `reconcile(snapshot) -> changes`; `Controllers` runs them. Start here: loop.py, then one of the rest.
"""

from harness.embedded.controllers.loop import Controller, Controllers
from harness.embedded.controllers.standard import standard_controllers

__all__ = ["Controller", "Controllers", "standard_controllers"]
