"""Which absolute names a resolver asks for a name as written, in order: resolv.conf's `search` and `ndots`.

Source: resolv.conf(5). What glibc and musl share; where they part (musl stops at the first SERVFAIL) nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence

LONGEST = 253
"""Characters of a name without its last dot; longer candidates are skipped."""


def candidates(name: str, *, search: Sequence[str], ndots: int = 1) -> list[str]:
    """Absolute names in the order they are asked. A trailing dot suppresses the list.

    With at least `ndots` dots the name itself comes first, otherwise last. Names that would be too long are left out.
    """
    if name.endswith("."):
        return [name]
    listed = [f"{name}.{domain}".rstrip(".") for domain in search]
    ordered = [name, *listed] if name.count(".") >= ndots else [*listed, name]
    found = dict.fromkeys(f"{each}." for each in ordered if len(each) <= LONGEST)
    return list(found)
