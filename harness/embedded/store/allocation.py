"""Cluster addresses, IP families and node ports of Services: what is filled in, given out, and given back.

The rules are those of a kube-apiserver with one or two service CIDRs. A claim is settled once the write succeeds and
undone when it does not; a dry run claims nothing that outlasts it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from harness.embedded.store import errors
from harness.embedded.store.fields import Faults
from harness.embedded.store.kinds.services import (
    is_headless,
    needs_cluster_ip,
    needs_health_check,
    needs_node_port,
    node_ports,
    validate_families,
)
from harness.embedded.store.names import family_of
from harness.embedded.store.pools import AddressPool, FullError, PoolError, PortPool
from harness.embedded.store.resources import by_name

Object = dict[str, Any]
SERVICES = by_name("services")
OTHER_FAMILY = {"IPv4": "IPv6", "IPv6": "IPv4"}


class Claim:
    """What one request took, and what it will give back when it succeeds."""

    def __init__(self, addresses: dict[str, AddressPool], ports: PortPool) -> None:
        self._pools = addresses
        self._ports = ports
        self._addresses: list[str] = []
        self._numbers: list[int] = []
        self.releases: list[str] = []
        self.freed_ports: set[int] = set()

    def address(self, service: Object, family: str, wanted: str) -> str:
        """A certain or any address of a family. Raises ApiError."""
        pool = self._pools[family]
        try:
            taken = pool.take(wanted) if wanted else pool.take_any()
        except PoolError as problem:
            shown = service["spec"].get("clusterIPs") or []
            raise _refusal(service, "spec.clusterIPs", shown, f"failed to allocate IP {wanted}: {problem}") from problem
        except FullError as problem:
            name = service["metadata"]["name"]
            raise errors.internal(f'failed to allocate a serviceIP for Service "{name}": {problem}') from problem
        self._addresses.append(taken)
        return taken

    def port(self, service: Object, index: int, wanted: int) -> int:
        """A certain or any node port for a Service's port. Raises ApiError."""
        try:
            taken = self._ports.take(wanted) if wanted else self._ports.take_any()
        except PoolError as problem:
            raise _refusal(service, f"spec.ports[{index}].nodePort", wanted, str(problem)) from problem
        except FullError as problem:
            raise errors.internal(f"failed to allocate a nodePort: {problem}") from problem
        self._numbers.append(taken)
        return taken

    def health_port(self, wanted: int) -> int:
        """A certain or any health check node port. Raises ApiError."""
        try:
            taken = self._ports.take(wanted) if wanted else self._ports.take_any()
        except (PoolError, FullError) as problem:
            said = f"failed to allocate requested HealthCheck NodePort {wanted}: {problem}"
            raise errors.internal(said) from problem
        self._numbers.append(taken)
        return taken

    def settle(self) -> None:
        """The write succeeded: give back what it no longer needs."""
        for text in self.releases:
            self._pools[family_of(text)].give_back(text)
        for number in self.freed_ports:
            self._ports.give_back(number)

    def undo(self) -> None:
        """The write failed, or was only tried: give back what it took."""
        for text in self._addresses:
            self._pools[family_of(text)].give_back(text)
        for number in self._numbers:
            self._ports.give_back(number)


def _refusal(service: Object, field: str, value: Any, problem: str) -> errors.ApiError:
    faults = Faults()
    faults.invalid(field, value, problem)
    return faults.error(SERVICES, service["metadata"]["name"])


class ServiceAddresses:
    """Gives Services their addresses and ports."""

    def __init__(
        self, families: Sequence[str], cidrs: Sequence[str], port_range: tuple[int, int], rng: random.Random
    ) -> None:
        by_family = {family_of(cidr): cidr for cidr in cidrs}
        self.cidrs = tuple(by_family[family] for family in families)
        self._pools = {family: AddressPool(by_family[family], rng) for family in families}
        self._ports = PortPool(*port_range, rng)

    @property
    def families(self) -> tuple[str, ...]:
        """The configured families, the default one first."""
        return tuple(self._pools)

    def extend(self, cidrs: Sequence[str]) -> None:
        """Give from these blocks too; blocks of a family the cluster does not have are of no use."""
        for cidr in cidrs:
            if family_of(cidr) in self._pools:
                self._pools[family_of(cidr)].extend(cidr)

    def shrink(self, cidrs: Sequence[str]) -> None:
        """Give no more from these blocks."""
        for cidr in cidrs:
            if family_of(cidr) in self._pools:
                self._pools[family_of(cidr)].shrink(cidr)

    def hold(self, text: str) -> None:
        """An IPAddress says that this address is in use."""
        if family_of(text) in self._pools:
            self._pools[family_of(text)].hold(text)

    def free(self, text: str) -> None:
        """The IPAddress that said so is gone."""
        if family_of(text) in self._pools:
            self._pools[family_of(text)].give_back(text)

    def create(self, service: Object) -> Claim:
        """Complete a new Service. Raises ApiError, with nothing taken."""
        spec = service["spec"]
        if spec.get("clusterIP") and not spec.get("clusterIPs"):
            spec["clusterIPs"] = [spec["clusterIP"]]
        claim = Claim(self._pools, self._ports)
        try:
            self._fill_families(service, None)
            self._take_addresses(service, claim)
            if needs_node_port(service):
                _take_ports(service, claim)
            if needs_health_check(service):
                spec["healthCheckNodePort"] = claim.health_port(spec.get("healthCheckNodePort", 0))
        except errors.ApiError:
            claim.undo()
            raise
        return claim

    def update(self, service: Object, old: Object) -> Claim:
        """Complete a changed Service. Raises ApiError, with nothing taken."""
        _carry_over(service, old)
        _align_cluster_ips(service["spec"], old["spec"])
        claim = Claim(self._pools, self._ports)
        try:
            self._fill_families(service, old)
            self._change_addresses(service, old, claim)
            _change_ports(service, old, claim)
            _change_health_port(service, old, claim)
        except errors.ApiError:
            claim.undo()
            raise
        return claim

    def release(self, service: Object) -> None:
        """Give back everything a deleted Service held."""
        spec = service["spec"]
        for text in spec.get("clusterIPs") or ():
            if text != "None" and family_of(text) in self._pools:
                self._pools[family_of(text)].give_back(text)
        for number in node_ports(service) | {spec.get("healthCheckNodePort", 0)}:
            self._ports.give_back(number)

    def _fill_families(self, service: Object, old: Object | None) -> None:
        """Decide ipFamilyPolicy and ipFamilies, or refuse."""
        spec = service["spec"]
        if not needs_cluster_ip(service) or (old is not None and _is_settled(service, old)):
            return
        if "ipFamilyPolicy" not in spec:
            spec["ipFamilyPolicy"] = _default_policy(service, old)
        faults = Faults()
        validate_families(service, faults)
        faults.raise_if_any(SERVICES, service["metadata"]["name"])
        if old is not None:
            _shrink(spec, old["spec"], faults)
        self._families_from_addresses(spec, faults)
        faults.raise_if_any(SERVICES, service["metadata"]["name"])
        families: list[str] = spec.get("ipFamilies") or []
        free = is_headless(service) and not spec.get("selector")
        if not free:
            self._check_configured(spec, families, faults)
            faults.raise_if_any(SERVICES, service["metadata"]["name"])
        families = families or [self.families[0]]
        wants_two = spec["ipFamilyPolicy"] != "SingleStack"
        if wants_two and len(families) == 1 and (free or len(self._pools) == 2):
            families = [families[0], OTHER_FAMILY[families[0]]]
        spec["ipFamilies"] = families

    def _families_from_addresses(self, spec: Object, faults: Faults) -> None:
        addresses, families = spec.get("clusterIPs") or [], list(spec.get("ipFamilies") or [])
        if spec.get("ipFamilyPolicy") == "SingleStack":
            for field, sort in (("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families")):
                if len(spec.get(field) or []) == 2:
                    problem = f"must be 'RequireDualStack' or 'PreferDualStack' when multiple {sort} are specified"
                    faults.invalid("spec.ipFamilyPolicy", spec["ipFamilyPolicy"], problem)
        for index, text in enumerate(addresses):
            if text == "None":
                break
            if index < len(families):
                continue
            if family_of(text) in self._pools:
                families.append(family_of(text))
            else:
                problem = f"{family_of(text)} is not configured on this cluster"
                faults.invalid(f"spec.clusterIPs[{index}]", addresses, problem)
        if families:
            spec["ipFamilies"] = families

    def _check_configured(self, spec: Object, families: Sequence[str], faults: Faults) -> None:
        if spec["ipFamilyPolicy"] == "RequireDualStack" and len(self._pools) < 2:
            problem = "this cluster is not configured for dual-stack services"
            faults.invalid("spec.ipFamilyPolicy", spec["ipFamilyPolicy"], problem)
        for index, family in enumerate(families):
            if family not in self._pools:
                faults.invalid(f"spec.ipFamilies[{index}]", family, "not configured on this cluster")

    def _take_addresses(self, service: Object, claim: Claim) -> None:
        if not needs_cluster_ip(service) or is_headless(service):
            return
        spec = service["spec"]
        wished = spec.get("clusterIPs") or []
        taken = [
            claim.address(service, family, wished[index] if index < len(wished) else "")
            for index, family in enumerate(spec["ipFamilies"])
        ]
        spec["clusterIPs"], spec["clusterIP"] = taken, taken[0]

    def _change_addresses(self, service: Object, old: Object, claim: Claim) -> None:
        if _is_settled(service, old):
            return
        spec, before = service["spec"], old["spec"]
        if not needs_cluster_ip(old):
            self._take_addresses(service, claim)
        elif is_headless(old):
            return
        elif not needs_cluster_ip(service):
            claim.releases += before.get("clusterIPs") or []
        elif len(before["ipFamilies"]) == 1 and len(spec["ipFamilies"]) == 2:
            addresses = list(spec.get("clusterIPs") or [])
            wished = addresses[1] if len(addresses) > 1 else ""
            spec["clusterIPs"] = [*addresses[:1], claim.address(service, spec["ipFamilies"][1], wished)]
        elif len(before["ipFamilies"]) == 2 and len(spec["ipFamilies"]) == 1:
            claim.releases += before["clusterIPs"][1:]


def _default_policy(service: Object, old: Object | None) -> str:
    if old is not None and "ipFamilyPolicy" in old["spec"]:
        return str(old["spec"]["ipFamilyPolicy"])
    free = is_headless(service) and not service["spec"].get("selector")
    return "RequireDualStack" if free else "SingleStack"


def _is_settled(service: Object, old: Object) -> bool:
    """A PreferDualStack Service whose addresses the change leaves alone stays as it is, whatever the cluster is now."""
    after, before = service["spec"], old["spec"]
    return (
        needs_cluster_ip(service)
        and after.get("type") == before.get("type")
        and after.get("ipFamilyPolicy") == "PreferDualStack"
        and before.get("ipFamilyPolicy", "PreferDualStack") == "PreferDualStack"
        and all(after.get(field) == before.get(field) for field in ("clusterIP", "clusterIPs", "ipFamilies"))
    )


def _shrink(after: Object, before: Object, faults: Faults) -> None:
    """A change to SingleStack gives up the second address and family; only it may."""
    for field, sort in (("clusterIPs", "cluster IP"), ("ipFamilies", "IP family")):
        now, was = after.get(field) or [], before.get(field) or []
        if after["ipFamilyPolicy"] == "SingleStack":
            if now == was and len(now) > 1:
                after[field] = now[:1]
        elif len(now) == 1 and len(was) == 2 and now[0] == was[0]:
            problem = f"must be 'SingleStack' to release the secondary {sort}"
            faults.invalid("spec.ipFamilyPolicy", after["ipFamilyPolicy"], problem)


def _carry_over(service: Object, old: Object) -> None:
    """Allocated values that a client left out are kept: a PUT of what was once POSTed works."""
    after, before = service["spec"], old["spec"]
    if needs_cluster_ip(service) and needs_cluster_ip(old):
        if not after.get("clusterIP") and before.get("clusterIP"):
            after["clusterIP"] = before["clusterIP"]
        if not after.get("clusterIPs") and before.get("clusterIPs"):
            after["clusterIPs"] = list(before["clusterIPs"])
    if needs_node_port(service) and needs_node_port(old):
        used = node_ports(service) & node_ports(old)
        by_port_name = {port.get("name", ""): port.get("nodePort", 0) for port in before.get("ports") or ()}
        for port in after.get("ports") or ():
            number = by_port_name.get(port.get("name", ""), 0)
            if not port.get("nodePort") and number and number not in used:
                port["nodePort"] = number
    if needs_health_check(service) and needs_health_check(old) and before.get("healthCheckNodePort"):
        after.setdefault("healthCheckNodePort", before["healthCheckNodePort"])


def _align_cluster_ips(after: Object, before: Object) -> None:
    """Clients that know only the singular field: make the plural one say the same."""
    was, now = before.get("clusterIP", ""), after.get("clusterIP", "")
    plural_kept = after.get("clusterIPs") == before.get("clusterIPs")
    if was == now or not plural_kept:
        return
    if now:
        after["clusterIPs"] = [now]
    else:
        after.pop("clusterIPs", None)


def _wants_ports(service: Object) -> bool:
    spec = service["spec"]
    if spec.get("type") == "LoadBalancer":
        return bool(spec.get("allocateLoadBalancerNodePorts", True))
    return needs_node_port(service)


def _take_ports(service: Object, claim: Claim) -> None:
    """Node ports of a new Service; one number for all protocols of the same port where the client names none."""
    ports = service["spec"].get("ports") or ()
    given: dict[int, int] = {}
    for index, port in enumerate(ports):
        if not port.get("nodePort") and not _wants_ports(service):
            continue
        number = port.get("port", 0)
        if number not in given:
            wished = next((p["nodePort"] for p in ports if p.get("port") == number and p.get("nodePort")), 0)
            port["nodePort"] = given[number] = claim.port(service, index, wished)
        elif not port.get("nodePort"):
            port["nodePort"] = given[number]
        elif port["nodePort"] != given[number]:
            claim.port(service, index, port["nodePort"])


def _change_ports(service: Object, old: Object, claim: Claim) -> None:
    before = node_ports(old) if needs_node_port(old) else set()
    if not needs_node_port(service):
        claim.freed_ports |= before
        return
    taken: set[int] = set()
    for index, port in enumerate(service["spec"].get("ports") or ()):
        number = port.get("nodePort", 0)
        if not number and not _wants_ports(service):
            continue
        if not number:
            port["nodePort"] = claim.port(service, index, 0)
        elif number not in before and number not in taken:
            taken.add(claim.port(service, index, number))
    claim.freed_ports |= before - node_ports(service)


def _change_health_port(service: Object, old: Object, claim: Claim) -> None:
    needed, needs = needs_health_check(old), needs_health_check(service)
    if needs and not needed:
        spec = service["spec"]
        spec["healthCheckNodePort"] = claim.health_port(spec.get("healthCheckNodePort", 0))
    elif needed and not needs:
        claim.freed_ports.add(old["spec"].get("healthCheckNodePort", 0))
