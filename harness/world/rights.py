"""What the harness must be allowed to do on a cluster, as data. `deploy/runner/rbac.yaml` grants exactly this.

Everything is asked of the cluster as a whole: the namespaces a run works in are made, and removed, by the run.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from harness.kube.client import Kube

LANES = 8
"""Reviews asked at once."""

CHANGE = ("get", "list", "watch", "create", "patch", "delete")
ALL = (*CHANGE, "update", "deletecollection")
PROXY = ("get", "create", "update", "patch", "delete")
NETWORKING = "networking.k8s.io"


@dataclass(frozen=True)
class Right:
    """Verbs on a resource (`pods/exec` is a subresource), and what they are for."""

    resource: str
    verbs: tuple[str, ...]
    why: str
    group: str = ""
    optional: bool = False
    """Without it something stays unknown, and nothing is refused."""

    def rule(self, verbs: Iterable[str] | None = None) -> str:
        """The rule of a ClusterRole that grants it."""
        wanted = ", ".join(verbs or self.verbs)
        return f'- {{apiGroups: ["{self.group}"], resources: [{self.resource}], verbs: [{wanted}]}}'


RIGHTS = (
    Right("namespaces", CHANGE, "every run works in namespaces of its own and removes them"),
    Right("nodes", ("list",), "pods are spread over the nodes that are Ready"),
    Right("pods", CHANGE, "the pods that ask and are asked; those of one node tell what runs on all"),
    Right("pods/exec", ("get", "create"), "one stream to each agent; which verb an API server asks for differs"),
    Right("configmaps", ("get", "create", "patch"), "the agent travels in one; kube-proxy and CoreDNS have their own"),
    Right("services", (*CHANGE, "update", "deletecollection"), "Services under test"),
    Right("services/status", ("patch",), "addresses of load balancers that a test plays itself"),
    Right("serviceaccounts", ("list", "watch"), "a namespace is ready for pods when its default account is there"),
    Right("pods/proxy", PROXY, "the API server as a way in to pods", optional=True),
    Right("services/proxy", PROXY, "the API server as a way in to Services", optional=True),
    Right("endpoints", ALL, "compared with the pods behind a Service; written by hand where it has none"),
    Right("events", ("list",), "why a pod does not become Ready"),
    Right("endpointslices", ALL, "slices under test", group="discovery.k8s.io"),
    Right("networkpolicies", ("list", "watch", "create", "patch", "delete"), "policies under test", group=NETWORKING),
    Right(
        "ingresses",
        (*CHANGE, "update", "deletecollection"),
        "Ingresses under test; those of others, because hosts are everybody's",
        group=NETWORKING,
    ),
    Right("ingresses/status", ("patch", "update"), "the status of Ingresses that no controller serves", NETWORKING),
    Right("secrets", ("create", "patch"), "certificates of hosts under test, made anew for each run"),
    Right("leases", ("get", "create", "patch"), "a run says that it is alive", group="coordination.k8s.io"),
    Right("ingressclasses", ("list",), "whether there is an Ingress controller", NETWORKING, optional=True),
    Right("servicecidrs", ("list", "create"), "where Services get addresses; made for show", NETWORKING, optional=True),
    Right("ipaddresses", ("get", "create"), "what each address belongs to; made for show", NETWORKING, optional=True),
)


class NotAllowedError(Exception):
    """Rights are missing; each is named, with the rule that grants it."""

    def __init__(self, lacking: Iterable[tuple[Right, list[str]]]) -> None:
        told = "; ".join(f"{right.resource} ({', '.join(verbs)}): {right.rule(verbs)}" for right, verbs in lacking)
        super().__init__(f"these credentials lack rights, see deploy/runner/rbac.yaml: {told}")


def must_be_allowed(kube: Kube) -> None:
    """Raises NotAllowedError when a right is missing that is needed, KubeError when the cluster cannot be asked."""
    if lacking := [(right, verbs) for right, verbs in missing(kube) if not right.optional]:
        raise NotAllowedError(lacking)


def missing(kube: Kube) -> list[tuple[Right, list[str]]]:
    """Rights these credentials lack, each with the verbs, as the server itself says. Raises KubeError."""
    asked = [(right, verb) for right in RIGHTS for verb in right.verbs]
    with ThreadPoolExecutor(LANES) as lanes:
        allowed = list(lanes.map(lambda each: _allowed(kube, *each), asked))
    lacking: dict[Right, list[str]] = {}
    for (right, verb), granted in zip(asked, allowed, strict=True):
        if not granted:
            lacking.setdefault(right, []).append(verb)
    return list(lacking.items())


def _allowed(kube: Kube, right: Right, verb: str) -> bool:
    plural, _, subresource = right.resource.partition("/")
    name = f"{plural}.{right.group}" if right.group else plural
    return kube.can_i(verb, name, subresource=subresource)
