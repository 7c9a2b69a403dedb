"""What a cluster can do, found out from its API and nothing else. Read only; nothing is made.

A fact that cannot be read is unknown, with the reason. What only packets tell (`harness.suite.facts`) is not here.
"""

from harness.world.capabilities.detector import Detector
from harness.world.capabilities.reads import Reads, is_ready_linux, takes_pods

__all__ = ["Detector", "Reads", "is_ready_linux", "takes_pods"]
