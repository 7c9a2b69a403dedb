"""Who may do what: a table of rules for the few kinds of users an embedded cluster has. No RBAC objects exist here.

The administrator may do everything. Everybody may see version and health, every authenticated user the discovery
documents and ask what he may do (the default roles of a real cluster: system:public-info-viewer, system:discovery,
system:basic-user). Service accounts of kube-system may read what cluster networking needs, the Ingress controller's
what it serves, and it may write where. All else is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.embedded.apiserver.address import Attributes
from harness.embedded.apiserver.authority import ADMIN_GROUP, User

READ = frozenset({"get", "list", "watch"})
ALL = "*"


@dataclass(frozen=True)
class Rule:
    """Grants a group of users some verbs on some resources (`resource` or `resource/subresource`) or some paths."""

    name: str
    to: str
    verbs: frozenset[str]
    groups: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()

    def allows(self, asked: Attributes) -> bool:
        """Does this rule cover what is asked?"""
        if ALL not in self.verbs and asked.verb not in self.verbs:
            return False
        if not asked.resource:
            return any(_path_matches(pattern, asked.path) for pattern in self.paths)
        wanted = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
        return (ALL in self.groups or asked.group in self.groups) and (
            ALL in self.resources or wanted in self.resources
        )


def _path_matches(pattern: str, path: str) -> bool:
    if pattern in (ALL, path):
        return True
    return pattern.endswith("/*") and path.startswith(pattern[:-1])


_EVERYBODY = ("system:authenticated", "system:unauthenticated")
_INFORMATION = ("/version", "/version/", "/healthz", "/livez", "/readyz", "/healthz/*", "/livez/*", "/readyz/*")
_DISCOVERY = ("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*")
_REVIEWS = frozenset({"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"})
_NETWORKING = frozenset(
    {"services", "endpoints", "endpointslices", "pods", "namespaces", "nodes", "networkpolicies", "faults"}
)
_NETWORKING_GROUPS = frozenset({"", "discovery.k8s.io", "networking.k8s.io", "faults.harness.dev"})

RULES: tuple[Rule, ...] = (
    Rule(
        "cluster-admin",
        to=ADMIN_GROUP,
        verbs=frozenset({ALL}),
        groups=frozenset({ALL}),
        resources=frozenset({ALL}),
        paths=(ALL,),
    ),
    *(Rule("system:public-info-viewer", to=group, verbs=READ | {"head"}, paths=_INFORMATION) for group in _EVERYBODY),
    Rule("system:discovery", to="system:authenticated", verbs=READ | {"head"}, paths=_DISCOVERY),
    Rule(
        "system:basic-user",
        to="system:authenticated",
        verbs=frozenset({"create"}),
        groups=frozenset({"authorization.k8s.io", "authentication.k8s.io"}),
        resources=_REVIEWS,
    ),
    Rule(
        "cluster-networking",
        to="system:serviceaccounts:kube-system",
        verbs=READ,
        groups=_NETWORKING_GROUPS,
        resources=_NETWORKING,
    ),
    Rule(
        "ingress-controller",
        to="system:serviceaccounts:ingress",
        verbs=READ,
        groups=_NETWORKING_GROUPS,
        resources=frozenset({"services", "endpointslices", "secrets", "ingresses", "ingressclasses", "faults"}),
    ),
    Rule(
        "ingress-status",
        to="system:serviceaccounts:ingress",
        verbs=frozenset({"get", "patch", "update"}),
        groups=frozenset({"networking.k8s.io"}),
        resources=frozenset({"ingresses/status"}),
    ),
)


def granted_by(user: User, asked: Attributes) -> Rule | None:
    """The rule that lets the user do it, or None."""
    return next((rule for rule in RULES if user.belongs_to(rule.to) and rule.allows(asked)), None)


def refusal(user: User, asked: Attributes) -> str:
    """Why not, in the API server's words."""
    if not asked.resource:
        return f'User "{user.name}" cannot {asked.verb} path "{asked.path}"'
    resource = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
    said = f'User "{user.name}" cannot {asked.verb} resource "{resource}" in API group "{asked.group}"'
    return f'{said} in the namespace "{asked.namespace}"' if asked.namespace else f"{said} at the cluster scope"
