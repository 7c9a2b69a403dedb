"""Whether kind clusters can be made on this machine, asked once for all tests that need one."""

from __future__ import annotations

from harness.clusters.kind import Tools, leftovers
from harness.clusters.kind.engine import engine
from harness.clusters.kind.versions import REPOSITORY
from harness.clusters.provider import ClusterError


def _lacking() -> str | None:
    docker = engine(Tools())
    try:
        docker.info()
        if not leftovers.present(Tools()):
            return "kind is not installed"
        images = docker.images()
    except ClusterError as error:
        return str(error)
    return None if any(image.startswith(f"{REPOSITORY}:") for image in images) else f"no {REPOSITORY} image is here"


LACKING = _lacking()
"""What is missing for a kind cluster; None where one can be made."""
