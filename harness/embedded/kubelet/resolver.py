"""resolv.conf, hosts and hostname of a pod: pure functions of the pod and its node.

Follows "DNS for Services and Pods" (kubernetes.io) and the files a real kubelet wrote (tests/recordings/resolver.json).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.embedded.kubelet.spec import NodeSpec

HOSTNAME_LIMIT = 63
FQDN_LIMIT = 64
"""The kernel's longest hostname (HOST_NAME_MAX)."""

NAMESERVER_LIMIT = 3
SEARCH_LIMIT = 32
SEARCH_CHARACTERS = 2048
"""Limits of pkg/apis/core validation, which the kubelet applies to the merged result too."""

_LOCAL = """\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
"""
_POD_HEAD = f"""\
# Kubernetes-managed hosts file.
{_LOCAL}fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""
_HOST_HEAD = f"""\
# Kubernetes-managed hosts file (host network).
{_LOCAL}fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""


class HostnameError(Exception):
    """setHostnameAsFQDN asks for more than a kernel hostname holds."""


@dataclass(frozen=True)
class Resolver:
    """The contents of a resolv.conf."""

    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def render(self) -> str:
        """The file's text; a line only where there is something to say."""
        lines = [("search " + " ".join(self.searches))] if self.searches else []
        lines += [f"nameserver {server}" for server in self.nameservers]
        lines += [("options " + " ".join(self.options))] if self.options else []
        return "".join(f"{line}\n" for line in lines)


def resolver_of(pod: dict[str, Any], node: NodeSpec, *, cluster_dns: Sequence[str] | None = None) -> Resolver:
    """What the pod's /etc/resolv.conf says. `cluster_dns` replaces the node's setting (a wrongly set kubelet)."""
    spec = pod["spec"]
    servers = tuple(node.cluster_dns if cluster_dns is None else cluster_dns)
    match _effective_policy(spec):
        case "None":
            basis = Resolver()
        case "ClusterFirst":
            basis = Resolver(servers, _cluster_searches(pod, node) + node.resolver.searches, ("ndots:5",))
        case _:
            basis = Resolver(node.resolver.nameservers, node.resolver.searches, node.resolver.options)
    return _limited(_merged(basis, spec.get("dnsConfig") or {}))


def _effective_policy(spec: dict[str, Any]) -> str:
    """ClusterFirst means Default on the host's network, unless the pod says WithHostNet."""
    policy = str(spec.get("dnsPolicy") or "ClusterFirst")
    if policy == "ClusterFirstWithHostNet":
        return "ClusterFirst"
    if policy == "ClusterFirst" and spec.get("hostNetwork"):
        return "Default"
    return policy


def _cluster_searches(pod: dict[str, Any], node: NodeSpec) -> tuple[str, ...]:
    domain = node.cluster_domain
    return (f"{pod['metadata']['namespace']}.svc.{domain}", f"svc.{domain}", domain)


def _merged(basis: Resolver, config: dict[str, Any]) -> Resolver:
    return Resolver(
        nameservers=_unique((*basis.nameservers, *(config.get("nameservers") or ()))),
        searches=_unique((*basis.searches, *(config.get("searches") or ()))),
        options=_merged_options(basis.options, config.get("options") or ()),
    )


def _merged_options(basis: Sequence[str], wanted: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """Options of the pod replace those of the same name and follow the others."""
    merged = {option.partition(":")[0]: option for option in basis}
    for option in wanted:
        value = option.get("value")
        merged[option["name"]] = f"{option['name']}:{value}" if value not in {None, ""} else str(option["name"])
    return tuple(merged.values())


def _limited(resolver: Resolver) -> Resolver:
    searches = resolver.searches[:SEARCH_LIMIT]
    while len(" ".join(searches)) > SEARCH_CHARACTERS:
        searches = searches[:-1]
    return Resolver(resolver.nameservers[:NAMESERVER_LIMIT], searches, resolver.options)


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def short_hostname(pod: dict[str, Any]) -> str:
    """spec.hostname or the pod's name, cut to what a label holds."""
    name = str(pod["spec"].get("hostname") or pod["metadata"]["name"])
    return name if len(name) <= HOSTNAME_LIMIT else name[:HOSTNAME_LIMIT].rstrip("-.")


def fqdn(pod: dict[str, Any], node: NodeSpec) -> str:
    """The pod's full name when it has a subdomain, else ""."""
    subdomain = pod["spec"].get("subdomain")
    if not subdomain:
        return ""
    return f"{short_hostname(pod)}.{subdomain}.{pod['metadata']['namespace']}.svc.{node.cluster_domain}"


def hostname_of(pod: dict[str, Any], node: NodeSpec) -> str:
    """What `hostname` prints in the pod. Raises HostnameError."""
    if pod["spec"].get("hostNetwork"):
        return node.name
    full = fqdn(pod, node)
    if not (pod["spec"].get("setHostnameAsFQDN") and full):
        return short_hostname(pod)
    if len(full) > FQDN_LIMIT:
        raise HostnameError(
            f"Failed to construct FQDN from Pod hostname and cluster domain, FQDN {full} is too long"
            f" ({FQDN_LIMIT} characters is the max, {len(full)} characters requested)"
        )
    return full


def hosts_file(pod: dict[str, Any], node: NodeSpec, *, addresses: Sequence[str]) -> str:
    """The pod's /etc/hosts; `addresses` are the pod's own (of a host-network pod they play no part)."""
    if pod["spec"].get("hostNetwork"):
        text = _HOST_HEAD + "".join(f"{address}\t{node.name}\n" for address in node.addresses)
    else:
        full = fqdn(pod, node)
        names = f"{full}\t{short_hostname(pod)}" if full else short_hostname(pod)
        text = _POD_HEAD + "".join(f"{address}\t{names}\n" for address in addresses)
    aliases = pod["spec"].get("hostAliases") or ()
    if not aliases:
        return text
    lines = [f"{alias['ip']}\t" + "\t".join(alias.get("hostnames") or ()) + "\n" for alias in aliases]
    return text + "\n# Entries added by HostAliases.\n" + "".join(lines)
