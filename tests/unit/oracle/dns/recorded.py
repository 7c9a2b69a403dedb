"""What a real cluster held and answered, as a snapshot and as DNS answers (tests/recordings)."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from harness.model.dns import Answer, Question, Record
from harness.oracle.dns import Zone, ZoneFacts
from harness.oracle.snapshot import Snapshot

RECORDINGS = Path(__file__).parents[3] / "recordings"


@functools.cache
def recording(name: str) -> Any:
    return json.loads((RECORDINGS / name).read_text())


def service(namespace: str, name: str, address: str, *ports: tuple[str, int, str]) -> dict[str, Any]:
    listed = [{"name": label, "port": number, "protocol": protocol} for label, number, protocol in ports]
    spec = {"clusterIP": address, "clusterIPs": [address], "ports": listed, "type": "ClusterIP"}
    return {"kind": "Service", "metadata": {"namespace": namespace, "name": name}, "spec": spec}


def pod(flat: Any) -> dict[str, Any]:
    """The recording keeps of a pod only what matters to DNS."""
    return {
        "kind": "Pod",
        "metadata": {"name": flat["name"], "namespace": "rec-dns", "labels": flat["labels"]},
        "spec": {key: flat[key] for key in ("hostname", "subdomain", "hostNetwork")} | {"nodeName": flat["node"]},
        "status": {"podIP": flat["podIPs"][0]["ip"], "podIPs": flat["podIPs"], "phase": "Running"},
    }


@functools.cache
def snapshot() -> Snapshot:
    state = recording("dns.json")["state"]
    namespaces = [
        {"kind": "Namespace", "metadata": {"name": name}} for name in ("default", "kube-system", "rec-dns", "rec-empty")
    ]
    system = [
        service("default", "kubernetes", "10.96.0.1", ("https", 443, "TCP")),
        service(
            "kube-system",
            "kube-dns",
            "10.96.0.10",
            ("dns", 53, "UDP"),
            ("dns-tcp", 53, "TCP"),
            ("metrics", 9153, "TCP"),
        ),
    ]
    return Snapshot.of([*namespaces, *system, *state["services"], *state["endpointslices"], *map(pod, state["pods"])])


@functools.cache
def zone() -> Zone:
    return Zone.of(snapshot(), ZoneFacts())


@functools.cache
def answers() -> list[tuple[str, Question, Answer]]:
    """(a name for it, the question, the answer) for every recorded exchange."""
    return [
        (_title(each), Question(each["name"], each["type"]), _answer(each)) for each in recording("dns.json")["answers"]
    ]


def _title(each: Any) -> str:
    return f"{each['name']} {each['type']} {each['proto']} {each.get('edns', '')}".strip()


def _answer(each: Any) -> Answer:
    sections = (tuple(map(Record.parse, each[section])) for section in ("answer", "authority", "additional"))
    flags = frozenset(each["flags"].split())
    return Answer(each["rcode"], flags, *sections, question=Question(each["name"], each["type"]), proto=each["proto"])
