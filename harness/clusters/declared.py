"""What a network plugin is said to do, held against what was found. Declared is not measured: what was found is right.

Only what the cluster was made for is compared: a plugin that does two families contradicts nothing on a cluster of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.clusters import cni
from harness.clusters.addon import Addon
from harness.clusters.deviations import Deviation, bundled
from harness.clusters.kind import Request
from harness.clusters.tested import Tested
from harness.model.capability import Fact, State

EMBEDDED: Mapping[str, str] = {"network-policy": "yes", "lb": "yes", "ing": "yes"}
"""What an embedded cluster has by itself."""

FAMILY_NEEDS = {"ipv4": ("v4",), "ipv6": ("v6",), "dual": ("v4", "v6", "dual")}
PROXY_NEEDS = {"iptables": "kp-iptables", "nftables": "kp-nft", "ipvs": "kp-ipvs"}
"""What tests need (`harness.model.capability`), by the options that make it."""

Facts = Mapping[str, Fact]


def of_plugin(found: Facts) -> Mapping[str, str]:
    """What is declared of a plugin that was found in a cluster somebody else made; nothing for one we do not know."""
    name = found["cni"].value if "cni" in found else ""
    return cni.load(name).capabilities if name in cni.names() else {}


def deviations(request: Request | None, found: Facts) -> tuple[Deviation, ...]:
    """What is known of the plugin that was found, of all else a cluster was made with, and of Kubernetes itself."""
    there = found["cni"].value.split(" and ") if "cni" in found else []
    made = request.extras if request is not None else ()
    addons: list[Addon] = [*(cni.load(name) for name in there if name in cni.names()), *made]
    return (*bundled(), *(each for addon in addons for each in addon.deviations))


def of_request(request: Request) -> Mapping[str, str]:
    """What is declared of everything a kind cluster was made with, and what it was made to have."""
    nodes = request.nodes - (request.nodes > 1 and not request.control_plane_takes_pods)
    proxy = request.chosen_proxy
    made = [
        *(f"nodes{count}" for count in (2, 3) if nodes >= count),
        *(("zones2",) if nodes > 1 else ()),
        *(() if proxy == "none" else ("kp", PROXY_NEEDS[proxy])),
        *(() if request.lb.absent else ("lb",)),
        *(() if request.ingress.absent else ("ing",)),
    ]
    return {**request.cni.capabilities, **of_families(request.chosen_families), **dict.fromkeys(made, "yes")}


def of_embedded(families: str) -> Mapping[str, str]:
    """What an embedded cluster is made to have."""
    return {**EMBEDDED, **of_families(families)}


def of_families(families: str) -> dict[str, str]:
    """What pods have in a cluster that is made with these families."""
    return dict.fromkeys(FAMILY_NEEDS[families], "yes")


def contradictions(request: Request, found: Facts) -> list[str]:
    """A line for everything that is not as declared, or not declared for it, in a cluster made as requested."""
    plugin, families, kube_proxy = request.cni, request.chosen_families, request.chosen_proxy
    return [
        *_other_plugin(plugin, found.get("cni")),
        *_no_addresses(request, found.get("lb")),
        *(line for each in (plugin, *request.extras) for line in _untested(each, found.get("kubernetes"))),
        *(
            _line(plugin, declared, fact)
            for declared, fact in _comparable(families, kube_proxy, found)
            if _differ(plugin.capabilities.get(declared, "unknown"), fact)
        ),
    ]


def _comparable(families: str, kube_proxy: str, found: Facts) -> Iterator[tuple[str, Fact]]:
    """What is declared, and the fact that says the same, where this cluster can show it."""
    pairs = [
        ("network-policy", found.get("network-policy")),
        ("dual-stack", found.get("dual") if families == "dual" else None),
        ("ipv6", found.get("v6") if families == "ipv6" else None),
        # With kube-proxy beside it, a plugin that could replace it has no occasion to.
        ("replaces-kube-proxy", _replaced(kube_proxy, found.get("kp"))),
    ]
    for declared, fact in pairs:
        if fact is not None:
            yield declared, fact


def _replaced(asked: str, proxy: Fact | None) -> Fact | None:
    if proxy is None or proxy.state is State.UNKNOWN:
        return None
    if proxy.state is State.NO:
        return Fact.yes(why=proxy.why)
    return Fact.no(why=f"kube-proxy runs: {proxy.why}") if asked == "none" else None


def _differ(declared: str, fact: Fact) -> bool:
    return (declared, fact.state) in {("yes", State.NO), ("no", State.YES)}


def _line(plugin: cni.Cni, declared: str, fact: Fact) -> str:
    said = plugin.capabilities[declared]
    return (
        f"CNI {plugin.name} is declared {declared}: {said} ({cni.CAPABILITIES[declared]}), "
        f"but {fact.state} was found: {fact.why}"
    )


def _no_addresses(request: Request, found: Fact | None) -> Iterator[str]:
    if not request.lb.absent and found is not None and found.state is State.NO:
        yield f"{request.lb} was installed, but no LoadBalancer was found: {found.why}"


def _untested(addon: Addon, found: Fact | None) -> Iterator[str]:
    if found is None or found.state is not State.YES or not addon.kubernetes:
        return
    if not Tested.parse(addon.kubernetes).holds(found.value):
        told = f"its own project tests it with Kubernetes {addon.kubernetes}"
        yield f"{addon} {addon.version}: {told}, and this is {found.value}"


def _other_plugin(plugin: cni.Cni, found: Fact | None) -> Iterator[str]:
    if found is None or found.state is not State.YES or plugin.name not in cni.names() or plugin.absent:
        return
    if plugin.name not in found.value.split(" and "):
        yield f"CNI {plugin.name} was asked for, but CNI {found.value} was found: {found.why}"
