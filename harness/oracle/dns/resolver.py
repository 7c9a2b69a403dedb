"""What a pod's resolv.conf, hosts file and hostname must be, from its spec and what its node's kubelet was given.

Source: pod API (dnsPolicy, dnsConfig, hostname, subdomain, setHostnameAsFQDN, hostAliases), KEP-504, KEP-1797,
KEP-2595; recorded files of a real cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.model.difference import Difference
from harness.oracle.snapshot import Raw, name_of, namespace_of

MAX_NAMESERVERS = 3
MAX_SEARCH_PATHS = 32
MAX_SEARCH_CHARACTERS = 2048
MAX_HOSTNAME = 63

POD_HOSTS = (
    ("127.0.0.1", ("localhost",)),
    ("::1", ("localhost", "ip6-localhost", "ip6-loopback")),
    ("fe00::0", ("ip6-localnet",)),
    ("fe00::0", ("ip6-mcastprefix",)),
    ("fe00::1", ("ip6-allnodes",)),
    ("fe00::2", ("ip6-allrouters",)),
)
"""What the kubelet writes into every hosts file of a pod with its own network."""


@dataclass(frozen=True)
class ResolverFile:
    """A resolv.conf as values. Option order is not defined and does not count."""

    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: frozenset[str] = frozenset()

    @property
    def ndots(self) -> int:
        """Dots from which on a name is tried as it is first (resolv.conf(5): 1 unless told)."""
        told = [each.partition(":")[2] for each in self.options if each.startswith("ndots:")]
        return next((int(each) for each in told if each.isdigit()), 1)


@dataclass(frozen=True)
class HostsFile:
    """A hosts file: (address, names) lines in order, comments left out."""

    lines: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class NodeResolver:
    """What the kubelet of a pod's node works with."""

    cluster_dns: tuple[str, ...] = ()
    cluster_domain: str = "cluster.local"
    file: ResolverFile = field(default_factory=ResolverFile)
    """The node's own resolv.conf, as the kubelet was pointed to."""
    hostname: str = ""
    hosts: HostsFile | None = None
    """The node's own hosts file, when it is known."""


def parse_resolv_conf(text: str) -> ResolverFile:
    """Read a resolv.conf. The last `search` counts, as in libc."""
    nameservers: list[str] = []
    search: tuple[str, ...] = ()
    options: list[str] = []
    for line in text.splitlines():
        match line.split():
            case ["nameserver", address, *_]:
                nameservers.append(address)
            case ["search", *domains]:
                search = tuple(domains)
            case ["options", *found]:
                options += found
    return ResolverFile(tuple(nameservers), search, frozenset(options))


def parse_hosts(text: str) -> HostsFile:
    """Read a hosts file."""
    words = (line.split("#")[0].split() for line in text.splitlines())
    return HostsFile(tuple((each[0], tuple(each[1:])) for each in words if each))


def expected_resolv_conf(pod: Raw, node: NodeResolver) -> ResolverFile:
    """By dnsPolicy, then dnsConfig on top. A hostNetwork pod with ClusterFirst falls back to the node's file."""
    spec = pod["spec"]
    policy = spec.get("dnsPolicy") or "ClusterFirst"
    if policy == "ClusterFirst" and spec.get("hostNetwork"):
        policy = "Default"
    match policy:
        case "None":
            base = ResolverFile()
        case "Default":
            base = node.file
        case "ClusterFirst" | "ClusterFirstWithHostNet":
            base = _cluster_first(namespace_of(pod), node)
        case _:
            raise ValueError(f"unknown dnsPolicy {policy!r}: the API server would have refused it")
    return _merge(base, spec.get("dnsConfig") or {})


def _cluster_first(namespace: str, node: NodeResolver) -> ResolverFile:
    zone = node.cluster_domain
    ours = (f"{namespace}.svc.{zone}", f"svc.{zone}", zone)
    return ResolverFile(node.cluster_dns, _once((*ours, *node.file.search)), frozenset({"ndots:5"}))


def _merge(base: ResolverFile, config: Mapping[str, Any]) -> ResolverFile:
    nameservers = _once((*base.nameservers, *(config.get("nameservers") or ())))[:MAX_NAMESERVERS]
    search = _fitting(_once((*base.search, *(config.get("searches") or ()))))
    options = {each.partition(":")[0]: each for each in base.options}
    for option in config.get("options") or ():
        value = option.get("value")
        options[option["name"]] = f"{option['name']}:{value}" if value else str(option["name"])
    return ResolverFile(nameservers, search, frozenset(options.values()))


def _once(words: Iterable[str]) -> tuple[str, ...]:
    """Without duplicates, and without trailing dots except a lone one."""
    return tuple(dict.fromkeys(each if each == "." else each.rstrip(".") for each in words))


def _fitting(search: Sequence[str]) -> tuple[str, ...]:
    """As many as the limits allow; the later ones are dropped."""
    kept = list(search[:MAX_SEARCH_PATHS])
    while len(" ".join(kept)) > MAX_SEARCH_CHARACTERS:
        kept.pop()
    return tuple(kept)


def expected_hostname(pod: Raw, node: NodeResolver) -> str:
    """The kernel's hostname in the pod: the node's under hostNetwork, else spec.hostname or the pod's name."""
    spec = pod["spec"]
    if spec.get("hostNetwork"):
        return node.hostname or str(spec.get("nodeName") or "")
    if spec.get("setHostnameAsFQDN") and spec.get("subdomain"):
        return expected_fqdn(pod, node)
    return short_hostname(pod)


def short_hostname(pod: Raw) -> str:
    """spec.hostname, or the pod's name cut to 63 characters without a hyphen or dot at its end."""
    name = str(pod["spec"].get("hostname") or name_of(pod))
    return name if len(name) <= MAX_HOSTNAME else name[:MAX_HOSTNAME].rstrip("-.")


def expected_fqdn(pod: Raw, node: NodeResolver) -> str:
    """What `hostname -f` says: with a subdomain the whole name, otherwise the short one."""
    spec = pod["spec"]
    if spec.get("hostNetwork"):
        return expected_hostname(pod, node)
    short = short_hostname(pod)
    if not spec.get("subdomain"):
        return short
    return f"{short}.{spec['subdomain']}.{namespace_of(pod)}.svc.{node.cluster_domain}"


def expected_hosts(pod: Raw, node: NodeResolver) -> HostsFile | None:
    """The hosts file; None when it is the node's and that is not known. hostAliases come last."""
    spec = pod["spec"]
    aliases = tuple((each["ip"], tuple(each.get("hostnames") or ())) for each in spec.get("hostAliases") or ())
    if spec.get("hostNetwork"):
        return HostsFile((*node.hosts.lines, *aliases)) if node.hosts is not None else None
    status = pod.get("status") or {}
    addresses = [each["ip"] for each in status.get("podIPs") or ()] or [status["podIP"]]
    short, full = short_hostname(pod), expected_fqdn(pod, node)
    names = (short,) if full == short else (full, short)
    return HostsFile((*POD_HOSTS, *((each, names) for each in addresses), *aliases))


def judge_resolv_conf(expected: ResolverFile, seen: ResolverFile) -> list[Difference]:
    """Nameservers and search in order, options as a set."""
    rows = (
        ("nameserver", " ".join(expected.nameservers), " ".join(seen.nameservers)),
        ("search", " ".join(expected.search), " ".join(seen.search)),
        ("options", " ".join(sorted(expected.options)), " ".join(sorted(seen.options))),
    )
    return [
        Difference(what, want or "none", got or "none", "pod dnsPolicy, dnsConfig")
        for what, want, got in rows
        if want != got
    ]


def judge_hosts(expected: HostsFile, seen: HostsFile) -> list[Difference]:
    """Every line there, none besides, in order."""
    want, got = [_hosts_line(each) for each in expected.lines], [_hosts_line(each) for each in seen.lines]
    rule = "pod hosts file"
    found = [Difference(f"line {each!r}", "present", "missing", rule) for each in want if each not in got]
    found += [Difference(f"line {each!r}", "absent", "present", rule) for each in got if each not in want]
    if not found and want != got:
        found.append(Difference("order of lines", " | ".join(want), " | ".join(got), rule))
    return found


def _hosts_line(line: tuple[str, tuple[str, ...]]) -> str:
    return " ".join((line[0], *line[1]))
