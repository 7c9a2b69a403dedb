"""The recorded DNS fixture on a whole embedded cluster: its questions, asked from a pod through the DNS Service.

The contract test compares the resolver with the recording; this one compares the cluster: controllers make the slices,
the pods have addresses of their own (the recorded ones are translated), and packets travel.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from harness.clusters.embedded import EmbeddedCluster, Settings, refusal
from harness.effects.run import run

pytestmark = [
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed"),
    pytest.mark.skipif(refusal() is not None, reason=str(refusal())),
]

RECORDING = json.loads((Path(__file__).parent.parent / "recordings" / "dns.json").read_text())
SECONDS = 120.0
"""For 19 pods to be as recorded, on a machine with much else to do; they take about two."""
AT_LEAST = 552
"""Of 554. The other two ask for names of nodes: which node a pod is on is chance, and nodes have no names outside."""

ASKER = """
import json, socket, struct, sys
answers = []
for proto, wire in json.load(sys.stdin):
    wire = bytes.fromhex(wire)
    if proto == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(20)
            sock.sendto(wire, ("10.96.0.10", 53))
            answers.append(sock.recv(65535).hex())
    else:
        with socket.create_connection(("10.96.0.10", 53), 20) as sock:
            sock.sendall(struct.pack("!H", len(wire)) + wire)
            file = sock.makefile("rb")
            answers.append(file.read(struct.unpack("!H", file.read(2))[0]).hex())
print(json.dumps(answers))
"""

Kubectl = Callable[..., str]


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """kubectl on a single-stack cluster that has the recorded fixture."""
    directory: Path = tmp_path_factory.mktemp("embedded")
    cluster = EmbeddedCluster(Settings(name="dns-replay", families=("IPv4",)))
    try:
        (directory / "kubeconfig").write_text(json.dumps(cluster.create().kubeconfig))

        def call(*args: str, stdin: str = "") -> str:
            argv = ["kubectl", f"--kubeconfig={directory}/kubeconfig", f"--cache-dir={directory}/cache", *args]
            env = {"PATH": os.environ["PATH"], "HOME": str(directory)}
            return run(argv, stdin=stdin.encode(), timeout=SECONDS, env=env).text

        for namespace in ("rec-dns", "rec-empty"):
            call("create", "namespace", namespace)
        fixture = {"apiVersion": "v1", "kind": "List", "items": RECORDING["manifests"]}
        call("-n", "rec-dns", "apply", "-f", "-", stdin=json.dumps(fixture))
        yield call
    finally:
        cluster.destroy()


def pods_as_recorded(kubectl: Kubectl) -> dict[str, dict[str, Any]]:
    """The fixture's pods, once each is ready or not as recorded."""
    wanted = {pod["name"]: pod["ready"] for pod in RECORDING["state"]["pods"]}
    deadline = time.monotonic() + SECONDS
    while True:
        pods = json.loads(kubectl("-n", "rec-dns", "get", "pods", "-o", "json"))["items"]
        ready = {p["metadata"]["name"]: _ready(p) for p in pods}
        if all(p["status"].get("podIP") for p in pods) and ready.items() <= wanted.items():
            return {p["metadata"]["name"]: p for p in pods}
        assert time.monotonic() < deadline, ready
        time.sleep(0.2)


def _ready(pod: dict[str, Any]) -> str:
    return next((c["status"] for c in pod["status"].get("conditions") or () if c["type"] == "Ready"), "False")


def translations(kubectl: Kubectl) -> dict[str, str]:
    """Recorded addresses in every spelling that names use, and what they are here."""
    pods = pods_as_recorded(kubectl)
    services = json.loads(kubectl("-n", "rec-dns", "get", "services", "-o", "json"))["items"]
    ips = {s["metadata"]["name"]: s["spec"].get("clusterIP") for s in services}
    same = {s["spec"].get("clusterIP"): ips[s["metadata"]["name"]] for s in RECORDING["state"]["services"]}
    for pod in RECORDING["state"]["pods"]:
        if pod["name"] in pods:
            same[pod["podIPs"][0]["ip"]] = pods[pod["name"]]["status"]["podIP"]
    pairs = [(old, new) for old, new in same.items() if old and old != "None"]
    spelt = dict(pairs)
    spelt |= {old.replace(".", "-"): new.replace(".", "-") for old, new in pairs}
    spelt |= {_reversed(old): _reversed(new) for old, new in pairs}
    return spelt


def _reversed(address: str) -> str:
    return ".".join(reversed(address.split(".")))


def test_the_recorded_questions_get_the_recorded_answers(kubectl: Kubectl) -> None:
    """At least 552 of 554 questions, asked by packets, are answered as on the recorded cluster."""
    spelt = translations(kubectl)

    def here(text: str) -> str:
        return re.sub(r"(?<!\w)\d+([.-])\d+\1\d+\1\d+(?!\w)", lambda match: spelt.get(match[0], match[0]), text)

    def ask() -> list[str]:
        wires = [[recorded["proto"], question(recorded, here).hex()] for recorded in RECORDING["answers"]]
        told = kubectl("-n", "rec-dns", "exec", "-i", "client", "--", "python3", "-c", ASKER, stdin=json.dumps(wires))
        answers = [dns.message.from_wire(bytes.fromhex(wire)) for wire in json.loads(told)]
        pairs = zip(RECORDING["answers"], answers, strict=True)
        return [text for recorded, answer in pairs if (text := difference(recorded, answer, here))]

    deadline = time.monotonic() + SECONDS
    while len(different := ask()) > len(RECORDING["answers"]) - AT_LEAST:  # slices follow the pods, DNS the slices
        assert time.monotonic() < deadline, "\n".join(different)


def question(recorded: dict[str, Any], here: Callable[[str], str]) -> bytes:
    """The recorded question on the wire."""
    edns: dict[str, Any] = {"use_edns": False}
    if "edns" in recorded:
        edns = {"use_edns": 0, "payload": recorded["edns"]}
    query = dns.message.make_query(here(recorded["name"]), dns.rdatatype.from_text(recorded["type"]), **edns)
    if "RD" not in recorded["flags"]:
        query.flags &= ~dns.flags.RD
    return query.to_wire()


def difference(recorded: dict[str, Any], answer: dns.message.Message, here: Callable[[str], str]) -> str:
    """What differs, or nothing; the SOA's serial is the time of the last change, and cut answers are chance."""
    ours = {"rcode": dns.rcode.to_text(answer.rcode()), "flags": dns.flags.to_text(answer.flags)}
    theirs = {name: recorded[name] for name in ours}
    if "TC" not in recorded["flags"]:
        for name in ("answer", "authority", "additional"):
            lines = [line for rrset in getattr(answer, name) for line in rrset.to_text().split("\n")]
            ours[name] = str(sorted(_without_serial(line) for line in lines))
            theirs[name] = str(sorted(_without_serial(here(line)) for line in recorded[name]))
    wrong = {name: (theirs[name], ours[name]) for name in ours if theirs[name] != ours[name]}
    return f"{recorded['name']} {recorded['type']}: {wrong}" if wrong else ""


def _without_serial(line: str) -> str:
    return re.sub(r"(hostmaster\S+) \d+", r"\1 serial", line)
