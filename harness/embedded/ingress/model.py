"""From API objects to who answers which host and path, with which certificate. Pure.

Source: networking.k8s.io/v1 IngressSpec. Hosts are tried whole names first, then wildcards, then rules without a host;
within a host the longest path comes first, and Exact before Prefix. ImplementationSpecific means Prefix here. Where two
Ingresses say different things of one host and path, the older one is heard.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness.embedded.ingress.faults import HEALTHY, INGRESSES, SECRETS, SERVICES, SLICES, Planted, Quirks

Obj = dict[str, Any]

CONTROLLER = "harness.dev/ingress-haproxy"
CLASSES = "ingressclasses.networking.k8s.io"
LEGACY_CLASS = "kubernetes.io/ingress.class"
SERVICE_NAME = "kubernetes.io/service-name"


@dataclass(frozen=True)
class Target:
    """A Service's port and the endpoints behind it; none where there is no such Service or port."""

    namespace: str
    service: str
    port: str
    servers: tuple[tuple[str, int], ...] = ()
    missing: bool = False
    quirks: Quirks = HEALTHY

    @property
    def name(self) -> str:
        """A name of its own: underscores stand in no Kubernetes name."""
        return f"{self.namespace}_{self.service}_{self.port}"


@dataclass(frozen=True)
class Path:
    """A path of a rule."""

    exact: bool
    text: str
    target: Target
    quirks: Quirks = HEALTHY

    @property
    def weight(self) -> int:
        """How long it is, without the slash at the end that Prefix does not look at."""
        return len(self.text if self.exact else self.text.rstrip("/"))


@dataclass(frozen=True)
class Host:
    """A host of rules, `*.parent` or "" for every host, with its paths in the order in which they are tried."""

    name: str
    paths: tuple[Path, ...]
    default: Target | None
    tls: bool = False
    quirks: Quirks = HEALTHY


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key (PEM), for the hosts that are to see it."""

    hosts: tuple[str, ...]
    pem: bytes


@dataclass(frozen=True)
class Plan:
    """Everything the proxy has to know."""

    hosts: tuple[Host, ...] = ()
    default: Target | None = None
    certificates: tuple[Certificate, ...] = ()

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """Everybody who may answer, once each."""
        found = [path.target for host in self.hosts for path in host.paths]
        found += [host.default for host in self.hosts if host.default]
        return tuple({each.name: each for each in [*found, *([self.default] if self.default else [])]}.values())


@dataclass(frozen=True)
class View:
    """The objects at one moment, by resource."""

    objects: Mapping[str, Sequence[Obj]]
    planted: Planted = field(default_factory=Planted)

    @cached_property
    def served(self) -> list[Obj]:
        """The Ingresses that are ours, oldest first."""
        return sorted(filter(self._is_ours, self.objects.get(INGRESSES, ())), key=_age)

    @cached_property
    def _classes(self) -> set[str]:
        found = self.objects.get(CLASSES, ())
        return {str(each["metadata"]["name"]) for each in found if each["spec"].get("controller") == CONTROLLER}

    def _is_ours(self, ingress: Obj) -> bool:
        legacy = (ingress["metadata"].get("annotations") or {}).get(LEGACY_CLASS)
        named = ingress["spec"].get("ingressClassName") or legacy
        return named in self._classes or self.quirks(ingress).any_class

    def quirks(self, ingress: Obj) -> Quirks:
        """How an Ingress is mistreated."""
        return self.planted.quirks(str(ingress["metadata"]["namespace"]))

    @cached_property
    def services(self) -> dict[tuple[str, str], Obj]:
        """Services by namespace and name."""
        return {_key(each): each for each in self.objects.get(SERVICES, ())}

    @cached_property
    def secrets(self) -> dict[tuple[str, str], Obj]:
        """Secrets by namespace and name."""
        return {_key(each): each for each in self.objects.get(SECRETS, ())}

    @cached_property
    def slices(self) -> dict[tuple[str, str], list[Obj]]:
        """Slices by namespace and Service."""
        found: dict[tuple[str, str], list[Obj]] = {}
        for each in self.objects.get(SLICES, ()):
            owner = (each["metadata"].get("labels") or {}).get(SERVICE_NAME)
            found.setdefault((str(each["metadata"]["namespace"]), str(owner)), []).append(each)
        return found


def plan(view: View) -> Plan:
    """What the objects call for."""
    served = [each for each in view.served if not _is_taken_along(view, each)]
    names = list(
        dict.fromkeys(str(rule.get("host", "")) for each in served for rule in each["spec"].get("rules") or ())
    )
    hosts = [host for name in names if (host := _host(view, served, name))]
    defaults = [found for each in served if (found := _default(view, each))]
    return Plan(tuple(sorted(hosts, key=_rank)), next(iter(defaults), None), tuple(_certificates(view, served)))


def _is_taken_along(view: View, ingress: Obj) -> bool:
    """ingress/22: whether a Service is missing that some Ingress of the namespace names."""
    if not view.quirks(ingress).fragile:
        return False
    space = ingress["metadata"]["namespace"]
    neighbours = [each for each in view.served if each["metadata"]["namespace"] == space]
    paths = [path for each in neighbours for rule in each["spec"].get("rules") or () for path in _paths(rule)]
    return any(_target(view, space, path["backend"]).missing for path in paths)


def _host(view: View, served: Sequence[Obj], name: str) -> Host | None:
    """A host of rules, as all Ingresses together have it."""
    heard = [each for each in served if name or not view.quirks(each).no_open_hosts]
    mine = [(each, rule) for each in heard for rule in each["spec"].get("rules") or () if rule.get("host", "") == name]
    if not mine:
        return None
    first, quirks = mine[0][0], view.quirks(mine[0][0])
    found: dict[tuple[bool, str], Path] = {}
    for ingress, rule in mine:
        if quirks.one_owner and ingress is not first:
            continue
        for entry in _paths(rule):
            path = _path(view, ingress, entry)
            found.setdefault((path.exact, path.text), path)
    defaults = [default for ingress, _ in mine if (default := _default(view, ingress))]
    tls = any(name in (entry.get("hosts") or ()) for each, _ in mine for entry in each["spec"].get("tls") or ())
    return Host(name, _ordered(found.values(), quirks), next(iter(defaults), None), tls, quirks)


def _ordered(paths: Iterable[Path], quirks: Quirks) -> tuple[Path, ...]:
    if quirks.as_written:
        return tuple(paths)
    return tuple(sorted(paths, key=lambda each: (-each.weight, each.exact is quirks.prefix_first)))


def _rank(host: Host) -> tuple[int, int]:
    """Whole names, wildcards (the longer first), every host."""
    if not host.name:
        return 3, 0
    if host.name.startswith("*."):
        return (0 if host.quirks.wildcards_first else 2), -len(host.name)
    return 1, 0


def _paths(rule: Mapping[str, Any]) -> Sequence[Obj]:
    return (rule.get("http") or {}).get("paths") or ()


def _path(view: View, ingress: Obj, entry: Obj) -> Path:
    space = str(ingress["metadata"]["namespace"])
    target = _target(view, space, entry["backend"])
    quirks = view.quirks(ingress)
    exact = (entry.get("pathType") == "Exact") is not quirks.types_swapped
    return Path(exact, entry.get("path") or "/", target, quirks)


def _default(view: View, ingress: Obj) -> Target | None:
    backend = ingress["spec"].get("defaultBackend")
    if backend is None or view.quirks(ingress).no_defaults:
        return None
    return _target(view, str(ingress["metadata"]["namespace"]), backend)


def _target(view: View, space: str, backend: Obj) -> Target:
    """A backend with its endpoints. One that is no Service has none: nobody here serves resources."""
    quirks = view.planted.quirks(space)
    told = backend.get("service") or {"name": "resource", "port": {"name": "none"}}
    name, port = str(told["name"]), told["port"].get("name") or told["port"].get("number")
    service = view.services.get((space, name))
    ports = [each for each in (service or {}).get("spec", {}).get("ports") or () if each.get("protocol") == "TCP"]
    found = next((each for each in ports if port in (each.get("name"), each["port"])), None)
    if service is None or found is None:
        return Target(space, name, str(port), missing=True, quirks=quirks)
    servers = _servers(view, service, ports[0] if quirks.first_port else found)
    if not servers and quirks.borrowed:
        servers = _anybody(view, space)
    return Target(space, name, str(port), tuple(servers[:1] if quirks.one_endpoint else servers), quirks=quirks)


def _anybody(view: View, space: str) -> list[tuple[str, int]]:
    """ingress/33: the endpoints of the first Service in the namespace that has some."""
    for (where, name), service in sorted(view.services.items()):
        ports = service["spec"].get("ports") if where == space and (space, name) in view.slices else ()
        if ports and (found := _servers(view, service, ports[0])):
            return found
    return []


def _servers(view: View, service: Obj, port: Obj) -> list[tuple[str, int]]:
    """Addresses and ports of the ready endpoints, in the Service's first family; where none is, of those that serve."""
    family = next(iter(service["spec"].get("ipFamilies") or ()), "IPv4")
    slices = [each for each in view.slices.get(_key(service), ()) if each.get("addressType") == family]
    ready: set[tuple[str, int]] = set()
    serving: set[tuple[str, int]] = set()
    for each in slices:
        numbers = [int(one["port"]) for one in each.get("ports") or () if (one.get("name") or "") == _named(port)]
        for endpoint in each.get("endpoints") or ():
            conditions = endpoint.get("conditions") or {}
            places = {(str(address), number) for address in endpoint["addresses"][:1] for number in numbers}
            ready |= places if conditions.get("ready") is not False else set()
            serving |= places if conditions.get("serving") else set()
    return sorted(ready or serving)


def _named(port: Obj) -> str:
    return str(port.get("name") or "")


def _certificates(view: View, served: Iterable[Obj]) -> Iterable[Certificate]:
    """The certificates of TLS entries whose Secrets are there, for the hosts they name."""
    first: bytes | None = None
    told = [
        (each, entry, _pem(_secret(view, each, entry))) for each in served for entry in each["spec"].get("tls") or ()
    ]
    lacking = {each["metadata"]["namespace"] for each, _, pem in told if b"CERTIFICATE" not in pem}
    for ingress, entry, pem in told:
        quirks = view.quirks(ingress)
        if not (quirks.certificates_together and ingress["metadata"]["namespace"] in lacking):
            hosts = [each for each in entry.get("hosts") or () if not (quirks.no_wildcard_certificates and "*" in each)]
            if pem and hosts:
                first = first or pem
                yield Certificate(tuple(hosts), first if quirks.one_certificate else pem)


def _secret(view: View, ingress: Obj, entry: Obj) -> Obj | None:
    return view.secrets.get((str(ingress["metadata"]["namespace"]), str(entry.get("secretName", ""))))


def _pem(secret: Obj | None) -> bytes:
    data = (secret or {}).get("data") or {}
    try:
        parts = [base64.b64decode(data.get(key, ""), validate=True) for key in ("tls.crt", "tls.key")]
    except binascii.Error:
        return b""
    return b"\n".join(parts) if all(parts) else b""


def _key(obj: Obj) -> tuple[str, str]:
    return str(obj["metadata"].get("namespace") or ""), str(obj["metadata"]["name"])


def _age(obj: Obj) -> tuple[str, str, str]:
    return (str(obj["metadata"].get("creationTimestamp")), *_key(obj))
