"""What runs in a DNS pod brings nothing along that is not there."""

from __future__ import annotations

import sys

from harness.effects.run import run

BLOCKED = ("aiohttp", "kubernetes", "yaml", "cryptography", "rich", "click", "pytest")


def test_the_server_imports_only_what_its_pod_has() -> None:
    """The module starts where the standard library and dnspython are all there is."""
    block = "; ".join(f"sys.modules[{name!r}] = None" for name in BLOCKED)
    done = run([sys.executable, "-c", f"import sys; {block}; import harness.embedded.dns.__main__; print('fine')"])
    assert done.text.strip() == "fine"


def test_outside_a_pod_it_says_what_is_missing() -> None:
    """Started by hand, it ends with one line that names the missing variable."""
    done = run([sys.executable, "-m", "harness.embedded.dns"], check=False, env={"PATH": "/usr/bin:/bin"})
    assert done.code == 1
    assert b"KUBERNETES_SERVICE_HOST is not set" in done.err
    assert b"Traceback" not in done.err
