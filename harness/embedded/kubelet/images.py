"""Image names, and what each stands for on a machine without a registry.

The agent's stock `python` image is the composed root with Debian's interpreter; the images of the cluster DNS and of
the Ingress controller are the same with the harness itself beside it. Every other name fails to pull, as an unreachable
registry makes it.
"""

from __future__ import annotations

import enum
import hashlib
import re
from dataclasses import dataclass

PYTHON_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
HARNESS_HOME = "/opt/harness"
DNS_IMAGE = "embedded.harness.dev/dns:v1"
INGRESS_IMAGE = "embedded.harness.dev/ingress:v1"
PROGRAMS = {DNS_IMAGE: "harness.embedded.dns", INGRESS_IMAGE: "harness.embedded.ingress"}
"""What runs in the images that have the harness."""

_PYTHON = re.compile(r"(?:(?:index\.)?docker\.io/)?(?:library/)?python(?:[:@][A-Za-z0-9][A-Za-z0-9._:-]*)?")


class Root(enum.Enum):
    """What is in the root directory besides the system's own programs."""

    PLAIN = "plain"
    HARNESS = "harness"


@dataclass(frozen=True)
class Image:
    """A known image."""

    name: str
    root: Root
    environment: tuple[tuple[str, str], ...]
    command: tuple[str, ...]

    @property
    def identity(self) -> str:
        """An id that is the same for the same name, as status.imageID has it."""
        return f"sha256:{hashlib.sha256(self.name.encode()).hexdigest()}"


def find(name: str) -> Image | None:
    """The image of that name; None when it cannot be pulled."""
    plain = (("PATH", PYTHON_PATH), ("LANG", "C.UTF-8"))
    if _PYTHON.fullmatch(name):
        return Image(name, Root.PLAIN, plain, ("python3",))
    if name in PROGRAMS:
        with_harness = (*plain, ("PYTHONPATH", HARNESS_HOME), ("PYTHONDONTWRITEBYTECODE", "1"))
        return Image(name, Root.HARNESS, with_harness, ("python3", "-m", PROGRAMS[name]))
    return None
