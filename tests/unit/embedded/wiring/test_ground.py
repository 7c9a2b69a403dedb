"""What a cluster finds mounted where it begins."""

from __future__ import annotations

from harness.embedded.wiring.ground import namespaces_held

MOUNTS = r"""proc /proc proc rw,nosuid 0 0
tmpfs /run tmpfs rw,nosuid 0 0
nsfs /run/netns/one nsfs rw 0 0
nsfs /run/docker/netns/with\040space nsfs rw 0 0
tmpfs /run/netns/none tmpfs rw 0 0
"""


def test_named_namespaces_of_the_machine_are_found() -> None:
    """Those and no other mounts, by their real names, the last one first."""
    assert namespaces_held(MOUNTS) == ["/run/docker/netns/with space", "/run/netns/one"]
    assert namespaces_held("") == []
