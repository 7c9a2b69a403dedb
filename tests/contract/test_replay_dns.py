"""The embedded DNS server against what a real cluster answered to the same fixture, question by question."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rdatatype
import pytest
import yaml

from harness.embedded.dns.records import as_text
from harness.embedded.dns.resolve import resolve
from harness.embedded.dns.server import respond
from harness.embedded.dns.upstream import closed_world
from harness.embedded.dns.zone import Zone

ROOT = Path(__file__).parent
RECORDING = json.loads((ROOT.parent / "recordings" / "dns.json").read_text())
KNOWN = yaml.safe_load((ROOT / "known_dns_differences.yaml").read_text()) or {}
MOST_KNOWN = 1
"""The list of known differences may only get shorter: lower this with it."""


def recorded_zone() -> Zone:
    """The recorded cluster, with the two Services every cluster has and the recording does not show."""
    state = RECORDING["state"]
    kubernetes = _service("default", "kubernetes", "10.96.0.1", [("https", "TCP", 443)])
    ports = [("dns", "UDP", 53), ("dns-tcp", "TCP", 53), ("metrics", "TCP", 9153)]
    kube_dns = _service("kube-system", "kube-dns", "10.96.0.10", ports)
    return Zone(
        services=[*state["services"], kubernetes, kube_dns],
        slices=[*state["endpointslices"], _dns_slice()],
        namespaces=["default", "kube-system", "rec-dns", "rec-empty"],
        serial=1795346574,
        local=("10.244.0.2",),
    )


def _service(namespace: str, name: str, ip: str, ports: list[tuple[str, str, int]]) -> dict[str, Any]:
    spec = {
        "type": "ClusterIP",
        "clusterIP": ip,
        "clusterIPs": [ip],
        "ports": [{"name": n, "protocol": p, "port": number, "targetPort": number} for n, p, number in ports],
    }
    return {"metadata": {"namespace": namespace, "name": name}, "spec": spec}


def _dns_slice() -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": "kube-dns"}
    return {
        "metadata": {"namespace": "kube-system", "name": "kube-dns-x", "labels": labels},
        "endpoints": [{"addresses": ["10.244.0.2"], "conditions": {"ready": True}}],
        "ports": [{"name": "dns", "protocol": "UDP", "port": 53}],
    }


def _key(recorded: dict[str, Any]) -> str:
    edns = f" edns={recorded['edns']}" if "edns" in recorded else ""
    rd = "" if "RD" in recorded["flags"] else " rd=0"
    return f"{recorded['name']} {recorded['type']} {recorded['proto']}{edns}{rd}"


def ask(zone: Zone, recorded: dict[str, Any]) -> dict[str, Any]:
    """Put the recorded question on the wire to our server and read its answer as the recording was made."""
    kwargs = {"use_edns": 0, "payload": recorded["edns"]} if "edns" in recorded else {"use_edns": False}
    query = dns.message.make_query(recorded["name"], dns.rdatatype.from_text(recorded["type"]), **kwargs)
    if "RD" not in recorded["flags"]:
        query.flags &= ~dns.flags.RD
    stream = recorded["proto"] == "tcp"
    wire = respond(query.to_wire(), zone, stream=stream, shuffle=random.Random(7), upstream=closed_world)
    assert wire is not None
    answer = dns.message.from_wire(wire)
    return {
        "rcode": dns.rcode.to_text(answer.rcode()),
        "flags": dns.flags.to_text(answer.flags),
        "bytes": len(wire),
        **{name: _texts(getattr(answer, name)) for name in ("answer", "authority", "additional")},
    }


def _texts(section: list[Any]) -> list[str]:
    return sorted(line for rrset in section for line in rrset.to_text().split("\n"))


def difference(recorded: dict[str, Any], ours: dict[str, Any]) -> str:
    """What differs, or nothing. Which records a cut answer keeps is chance: how many, and out of which, is not."""
    fields = ["rcode", "flags", "bytes"]
    cut = "TC" in recorded["flags"]
    if not cut:
        fields += ["answer", "authority", "additional"]
    differing = [f"{f}: recorded {recorded[f]}, ours {ours[f]}" for f in fields if recorded[f] != ours[f]]
    if cut:
        counts = {s: (len(recorded[s]), len(ours[s])) for s in ("answer", "authority", "additional")}
        differing += [
            f"{s}: recorded {theirs} records, ours {own}" for s, (theirs, own) in counts.items() if theirs != own
        ]
    return "; ".join(differing)


ZONE = recorded_zone()


@pytest.mark.parametrize("recorded", RECORDING["answers"], ids=_key)
def test_answers_as_the_recorded_cluster_did(recorded: dict[str, Any]) -> None:
    """Every recorded question gets the recorded answer: rcode, flags, size and all three sections."""
    found = difference(recorded, ask(ZONE, recorded))
    if _key(recorded) in KNOWN:
        assert found, "this difference is gone: take it off the list"
    else:
        assert not found, found


def test_the_list_of_known_differences_only_shrinks() -> None:
    """No difference is added, and each one listed belongs to a recorded question."""
    assert len(KNOWN) <= MOST_KNOWN
    assert set(KNOWN) <= {_key(recorded) for recorded in RECORDING["answers"]}


def test_cut_answers_are_made_of_the_recorded_ones() -> None:
    """What a truncated answer keeps is part of the complete one."""
    for recorded in RECORDING["answers"]:
        if "TC" in recorded["flags"]:
            whole = resolve(
                ZONE, tuple(recorded["name"].rstrip(".").split(".")), dns.rdatatype.from_text(recorded["type"])
            )
            assert whole is not None
            assert set(ask(ZONE, recorded)["answer"]) <= {as_text(record) for record in whole.answer}
