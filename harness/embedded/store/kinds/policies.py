"""NetworkPolicy: defaults and rules (networking.k8s.io/v1)."""

from __future__ import annotations

from typing import Any

from harness.embedded.store import names
from harness.embedded.store.fields import Faults
from harness.embedded.store.metadata import selector
from harness.embedded.store.strategy import Strategy

Object = dict[str, Any]
PROTOCOLS = ("SCTP", "TCP", "UDP")


def _default(obj: Object) -> None:
    spec = obj["spec"]
    for rule in [*(spec.get("ingress") or ()), *(spec.get("egress") or ())]:
        for port in rule.get("ports") or ():
            port.setdefault("protocol", "TCP")
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _validate(obj: Object, faults: Faults) -> None:
    spec = obj["spec"]
    selector(spec.get("podSelector"), "spec.podSelector", faults)
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction) or ()):
            path = f"spec.{direction}[{index}]"
            for number, port in enumerate(rule.get("ports") or ()):
                _validate_port(port, f"{path}.ports[{number}]", faults)
            for number, peer in enumerate(rule.get(peers) or ()):
                _validate_peer(peer, f"{path}.{peers}[{number}]", faults)
    _validate_types(spec.get("policyTypes") or [], faults)


def _validate_types(types: list[str], faults: Faults) -> None:
    if len(types) > 2:
        faults.invalid("spec.policyTypes", types, "may not specify more than two policyTypes")
        return
    for index, sort in enumerate(types):
        if sort not in ("Ingress", "Egress"):
            faults.unsupported(f"spec.policyTypes[{index}]", sort, ("Ingress", "Egress"))


def _validate_port(port: Object, path: str, faults: Faults) -> None:
    protocol = port.get("protocol")
    if protocol is not None and protocol not in PROTOCOLS:
        faults.unsupported(f"{path}.protocol", protocol, PROTOCOLS)
    number, end = port.get("port"), port.get("endPort")
    if isinstance(number, int):
        for problem in names.port_number(number):
            faults.invalid(f"{path}.port", number, problem)
        if end is not None:
            if end < number:
                # The real server shows the port here, not the endPort (recorded).
                faults.invalid(f"{path}.endPort", number, "must be greater than or equal to `port`")
            for problem in names.port_number(end):
                faults.invalid(f"{path}.endPort", end, problem)
    elif isinstance(number, str):
        if end is not None:
            faults.invalid(f"{path}.endPort", end, "may not be specified when `port` is non-numeric")
        for problem in names.port_name(number):
            faults.invalid(f"{path}.port", number, problem)
    elif end is not None:
        faults.invalid(f"{path}.endPort", end, "may not be specified when `port` is not specified")


def _validate_peer(peer: Object, path: str, faults: Faults) -> None:
    sorts = 0
    for field in ("podSelector", "namespaceSelector"):
        if field in peer:
            sorts += 1
            selector(peer[field], f"{path}.{field}", faults)
    if "ipBlock" in peer:
        sorts += 1
        _validate_block(peer["ipBlock"], f"{path}.ipBlock", faults)
    if not sorts:
        faults.required(path, "must specify a peer")
    elif sorts > 1 and "ipBlock" in peer:
        faults.forbidden(path, "may not specify both ipBlock and another peer")


def _validate_block(block: Object, path: str, faults: Faults) -> None:
    text = block.get("cidr", "")
    if not text:
        faults.required(f"{path}.cidr")
        return
    whole = names.network(text)
    if whole is None:
        faults.invalid(f"{path}.cidr", text, names.CIDR_MESSAGE)
        return
    for index, hole in enumerate(block.get("except") or ()):
        where = f"{path}.except[{index}]"
        part = names.network(hole)
        if part is None:
            faults.invalid(where, hole, names.CIDR_MESSAGE)
        elif part.version != whole.version or part.prefixlen <= whole.prefixlen or part[0] not in whole:
            faults.invalid(where, hole, "must be a strict subset of `cidr`")


NETWORK_POLICY = Strategy(default=_default, validate=_validate)
