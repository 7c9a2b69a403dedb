"""Domain names as labels: splitting with escapes minded, being inside a zone, reverse names, address labels.

Source: RFC 1035 section 5.1 (escapes), RFC 1034 3.5 and RFC 3596 2.5 (reverse names).
"""

from __future__ import annotations

import ipaddress
import re

from harness.model.dns import canonical_name

LABEL = re.compile(r"((?:\\.|[^\\.])+)\.")
REVERSE_ZONES = ("in-addr.arpa.", "ip6.arpa.")


def labels(name: str) -> tuple[str, ...]:
    """The labels of a name, lower case. A dot after a backslash belongs to its label."""
    return tuple(LABEL.findall(canonical_name(name)))


def is_within(name: str, zone: str) -> bool:
    """Whether a name is the zone's apex or below it, on a label boundary."""
    above = labels(zone)
    return labels(name)[-len(above) :] == above


def below(name: str, zone: str) -> tuple[str, ...]:
    """The labels of a name in front of a zone it is within."""
    return labels(name)[: -len(labels(zone))]


def join(*parts: str) -> str:
    """Labels and names to one absolute name."""
    return canonical_name(".".join(each.rstrip(".") for each in parts if each.rstrip(".")))


def reverse_name(address: str) -> str:
    """The name whose PTR an address has."""
    return canonical_name(ipaddress.ip_address(address).reverse_pointer)


def address_of_reverse(name: str) -> str | None:
    """The address a reverse name stands for; None when it is incomplete or malformed."""
    found = labels(name)
    if found[-2:] == ("in-addr", "arpa"):
        return _address(".".join(reversed(found[:-2])), version=4)
    nibbles = found[:-2]
    if found[-2:] != ("ip6", "arpa") or len(nibbles) != 32 or any(len(each) != 1 for each in nibbles):
        return None
    digits = "".join(reversed(nibbles))
    return _address(":".join(digits[i : i + 4] for i in range(0, 32, 4)), version=6)


def is_reverse(name: str) -> bool:
    """Whether a name is below one of the reverse zones."""
    return any(is_within(name, zone) for zone in REVERSE_ZONES)


def dashed(address: str) -> str:
    """An address as a label: dots and colons become hyphens; no label may end in one, so `::` at the end gets a 0."""
    label = address.replace(".", "-").replace(":", "-")
    return f"{label}0" if label.endswith("-") else label


def undashed(label: str) -> str | None:
    """The address a label stands for, or None. Three single hyphens make an IPv4 address."""
    if label.count("-") == 3 and "--" not in label:
        return _address(label.replace("-", "."), version=4)
    return _address(label.replace("-", ":"), version=6)


def _address(text: str, *, version: int) -> str | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return str(found) if found.version == version else None
