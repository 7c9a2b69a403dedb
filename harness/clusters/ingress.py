"""Ingress controllers: add-ons (`addon.py`) that come last; the LoadBalancer implementation gives them addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.clusters.addon import Addon

CAPABILITIES = {
    "hosts": "rules by host name",
    "wildcard-hosts": "*.example.com for one label",
    "exact-paths": "pathType Exact",
    "prefix-paths": "pathType Prefix, by whole elements",
    "default-backend": "defaultBackend",
    "tls": "certificates from Secrets",
    "ingress-class": "takes Ingresses of its class only",
    "resource-backends": "backends that are no Services",
    "status-address": "writes its address into the status",
}


@dataclass(frozen=True)
class Ingress(Addon):
    """An Ingress controller."""

    WHAT: ClassVar[str] = "Ingress"
    OPTION: ClassVar[str] = "--ingress"
    FOLDER: ClassVar[str] = "ingress"
    CAPABILITIES: ClassVar[Mapping[str, str]] = CAPABILITIES

    ingress_class: str = ""
    """The IngressClass it serves."""
    service: str = ""
    """`namespace/name` of the Service behind which it stands: it is reached there when no Ingress tells an address."""
