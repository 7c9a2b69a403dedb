"""Objects of a small cluster as the DNS server sees it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.dns.records import Answer, as_text, name_of
from harness.embedded.dns.resolve import resolve
from harness.embedded.dns.zone import Zone

Obj = dict[str, Any]
TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "HTTPS": 65}


class Cluster:
    """Collects objects and asks about them."""

    def __init__(self) -> None:
        self.services: list[Obj] = []
        self.slices: list[Obj] = []
        self.options: Obj = {}

    def service(self, name: str, *ips: str, namespace: str = "n", **spec: Any) -> None:
        """A Service; without addresses a headless one."""
        first = ips[0] if ips else "None"
        base: Obj = {"clusterIP": first, "clusterIPs": list(ips) or ["None"], "ports": [port("http", 80, 8080)]}
        self.services.append({"metadata": {"name": name, "namespace": namespace}, "spec": base | spec})

    def alias(self, name: str, target: str) -> None:
        """An ExternalName Service."""
        meta = {"name": name, "namespace": "n"}
        self.services.append({"metadata": meta, "spec": {"type": "ExternalName", "externalName": target}})

    def slice(self, service: str, *endpoints: Obj, ports: list[Obj] | None = None, namespace: str = "n") -> None:
        """A slice of a Service."""
        labels = {"kubernetes.io/service-name": service}
        meta = {"name": f"{service}-{len(self.slices)}", "namespace": namespace, "labels": labels}
        ports = [{"name": "http", "protocol": "TCP", "port": 8080}] if ports is None else ports
        self.slices.append({"metadata": meta, "endpoints": list(endpoints), "ports": ports})

    @property
    def zone(self) -> Zone:
        """The zone of what is there."""
        spaces = ["n", "m", "kube-system"]
        return Zone(self.services, self.slices, spaces, **self.options)

    def ask(self, name: str, kind: str) -> Answer | None:
        """The answer; `$` stands for `n.svc.cluster.local`."""
        return resolve(self.zone, name_of(name.replace("$", "n.svc.cluster.local")), TYPES[kind])

    def texts(self, name: str, kind: str) -> list[str]:
        """The answer's records without owner and TTL, or the rcode where there are none."""
        answer = self.ask(name, kind)
        if answer is None:
            return ["upstream"]
        if not answer.answer:
            return [answer.rcode.name]
        return sorted(as_text(record).split(" IN ")[1].replace("n.svc.cluster.local", "$") for record in answer.answer)


def port(name: str, number: int, target: int | str, protocol: str = "TCP") -> Obj:
    """A Service port."""
    return {"name": name, "port": number, "targetPort": target, "protocol": protocol}


def endpoint(*addresses: str, hostname: str = "", **conditions: bool) -> Obj:
    """An endpoint; conditions left out are unset."""
    return {"addresses": list(addresses), "conditions": conditions} | ({"hostname": hostname} if hostname else {})


@pytest.fixture
def cluster() -> Cluster:
    """An empty cluster with the namespaces n, m and kube-system."""
    return Cluster()
