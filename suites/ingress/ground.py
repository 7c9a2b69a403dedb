"""The Ingress fixture of a worker: Services in namespace x, the Ingresses of all cases, the controller's address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.suite import Controller, Fetch, certificate_for, ingress, service
from suites.ingress.cases import CASES, PREFIX, TLS_CASES, RouteCase, TlsCase, rule, to

PORTS = [{"name": "web", "port": 80, "targetPort": 80}, {"name": "other", "port": 8181, "targetPort": 81}]
SELECTED: Mapping[str, Mapping[str, str]] = {
    "web-one": {"pod": "a"},
    "web-two": {"pod": "b"},
    "web-three": {"pod": "c"},
    "web-all": {"app": "agent"},
    "web-none": {"pod": "nobody"},
}
"""The Services behind, by names that no test of another area makes and takes away in the same namespace."""


@dataclass(frozen=True)
class Ground:
    """What stands, by the names the cases use."""

    controller: Controller
    space: str
    """Namespace x; also a domain of the worker's own."""
    secrets: Sequence[Mapping[str, Any]] = ()
    """Certificates, as they were made."""

    def host(self, short: str) -> str:
        """A host in the worker's own domain; a port stays behind it."""
        name, colon, port = short.partition(":")
        return f"{name}.{self.space}.example{colon}{port}".lstrip(".")

    def fetches(self, case: RouteCase) -> list[Fetch]:
        """The requests of a case."""
        several = [(each, True) for each in case.served] + [(each, False) for each in case.unserved]
        return [
            Fetch(self.host(host), path.format(own=self.space), served, status=None if served else case.status)
            for (host, path), served in several
        ]


def placed(value: Any, space: str) -> Any:
    """The same spec with hosts in the domain of a namespace, and paths of its own."""
    if isinstance(value, Mapping):
        return {key: _hosts(key, each, space) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [placed(each, space) for each in value]
    return value.format(own=space) if isinstance(value, str) else value


def _hosts(key: str, value: Any, space: str) -> Any:
    if key == "host":
        return f"{value}.{space}.example"
    return [f"{each}.{space}.example" for each in value] if key == "hosts" else placed(value, space)


def services() -> list[dict[str, Any]]:
    """The Services behind."""
    return [service(name, {"selector": dict(labels), "ports": PORTS}) for name, labels in SELECTED.items()]


def of_routes(case: RouteCase, ingress_class: str, space: str) -> Iterator[dict[str, Any]]:
    """The Ingresses of a case."""
    for number, spec in enumerate(case.ingresses):
        named = {**spec, "ingressClassName": case.classes or ingress_class}
        yield ingress(f"{case.name}-{number}", placed(named, space))


def of_tls(case: TlsCase, ingress_class: str, space: str) -> Iterator[dict[str, Any]]:
    """The Secrets of a case and its Ingresses, one for each host: a controller may drop one that it cannot read."""
    for name, hosts in case.secrets.items():
        yield certificate_for(*placed({"hosts": hosts}, space)["hosts"]).secret(name)
    for number, host in enumerate(case.hosts):
        tls = [{"hosts": [name], "secretName": secret} for name, secret in case.tls if _covers(name, host)]
        backend = to(("web-one", "web-two", "web-three")[number])
        spec = {"ingressClassName": ingress_class, "rules": [rule(host, (PREFIX, "/", backend))], "tls": tls}
        yield ingress(f"tls-{case.name}-{number}", placed(spec, space))


def _covers(name: str, host: str) -> bool:
    return name == host or name == f"*.{host.partition('.')[2]}"


def standing(ingress_class: str, space: str) -> Sequence[dict[str, Any]]:
    """Everything that stands while tests ask."""
    routes = [each for case in CASES for each in of_routes(case, ingress_class, space)]
    tls = [each for case in TLS_CASES for each in of_tls(case, ingress_class, space)]
    spread = {"ingressClassName": ingress_class, "rules": [rule("all", (PREFIX, "/", to("web-all")))]}
    return [*services(), *routes, *tls, ingress("all", placed(spread, space))]


def secrets(objects: Sequence[dict[str, Any]], space: str) -> Sequence[dict[str, Any]]:
    """The Secrets among them, as they are stored in their namespace."""
    found = [each for each in objects if each["kind"] == "Secret"]
    return [{**each, "metadata": {**each["metadata"], "namespace": space}} for each in found]
