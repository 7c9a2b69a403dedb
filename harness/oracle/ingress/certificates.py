"""Which certificate a TLS client has to see: that of the Secret whose TLS entry names its host. Source: IngressTLS."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from harness.oracle.ingress.classes import serves
from harness.oracle.snapshot import Raw, name_of, namespace_of


def certificate(
    ingresses: Iterable[Raw], classes: Iterable[Raw], secrets: Iterable[Raw], name: str, *, ingress_class: str
) -> bytes | None:
    """The certificate (PEM, with its chain) for a server name; None where controllers show what they like.

    A whole name counts before a wildcard, which stands for one label. A Secret that is missing names no certificate,
    and of two different ones for a host the API chooses none.
    """
    held = {(namespace_of(each), name_of(each)): each for each in secrets}
    known = list(classes)
    ours = [each for each in ingresses if serves(known, ingress_class, each)]
    _, _, parent = name.lower().partition(".")
    for host in (name.lower(), f"*.{parent}"):
        found = {
            _chain(held.get((namespace_of(each), str(entry.get("secretName", "")))))
            for each in ours
            for entry in each["spec"].get("tls") or ()
            if host in (entry.get("hosts") or ())
        }
        if found:
            return next(iter(found)) if len(found) == 1 else None
    return None


def _chain(secret: Raw | None) -> bytes | None:
    told = ((secret or {}).get("data") or {}).get("tls.crt")
    return base64.b64decode(told) if told else None
