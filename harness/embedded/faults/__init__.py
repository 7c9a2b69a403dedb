"""Planted faults: their list, and the controller that lets them end.

A fault is an object of the API group `faults.harness.dev`, which only the embedded server has. Components look for
theirs at the one place where they would behave otherwise; nothing here breaks anything.
"""

from harness.embedded.faults.expiry import Expiry

__all__ = ["Expiry"]
