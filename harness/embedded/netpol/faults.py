"""The planted faults of the policy agent, each one question at the one place where the broken behaviour differs.

Ids are the numbers of the catalogue's list of policy faults. Scoped by namespaces and nodes; the namespace is that of
the policy for faults of verdicts, of the object that changed for faults of time, of the pod for 58, 59, 74 and 80.

| id        | what breaks                                             | where        |
| policy/3  | `except` is not read                                    | peers.py     |
| policy/12 | a port's name is resolved without regard to protocol    | ports.py     |
| policy/19 | `endPort` is not read                                   | ports.py     |
| policy/38 | a bare podSelector matches pods of every namespace      | peers.py     |
| policy/40 | both selectors of a peer: either one suffices           | peers.py     |
| policy/46 | the ports of a rule are not read                        | ports.py     |
| policy/47 | a policy is applied to pods of all namespaces covered   | compile.py   |
| policy/49 | a policy for egress isolates ingress too                | compile.py   |
| policy/58 | a pod's connections to its own address are denied       | own_pods.py  |
| policy/59 | nothing is programmed for IPv6                          | compile.py   |
| policy/60 | changes of namespace labels are not noticed             | memory.py    |
| policy/61 | changes of pod labels are not noticed                   | memory.py    |
| policy/62 | a changed podSelector is not noticed                    | memory.py    |
| policy/63 | a policyType that is taken away or added is not noticed | memory.py    |
| policy/64 | a deleted policy goes on, also under its successor's name | memory.py  |
| policy/65 | changed rules are not noticed                           | memory.py    |
| policy/74 | a pod is policed only when it is ready                  | compile.py   |
| policy/80 | pods of one node reach each other whatever the policies | compile.py   |
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.embedded.api.faults import active

EXCEPT_IGNORED = "policy/3"
NAME_WITHOUT_PROTOCOL = "policy/12"
END_PORT_IGNORED = "policy/19"
BARE_SELECTOR_EVERYWHERE = "policy/38"
EITHER_SELECTOR = "policy/40"
PORTS_IGNORED = "policy/46"
POLICY_EVERYWHERE = "policy/47"
EGRESS_ISOLATES_INGRESS = "policy/49"
SELF_DENIED = "policy/58"
NO_IPV6 = "policy/59"
NAMESPACE_LABELS_FROZEN = "policy/60"
POD_LABELS_FROZEN = "policy/61"
SELECTOR_FROZEN = "policy/62"
TYPES_FROZEN = "policy/63"
NEVER_DELETED = "policy/64"
RULES_FROZEN = "policy/65"
OPEN_UNTIL_READY = "policy/74"
SAME_NODE_OPEN = "policy/80"


class Broken:
    """The faults in force on one node, asked by namespace."""

    def __init__(self, faults: Iterable[dict[str, Any]], *, node: str) -> None:
        self._faults = tuple(faults)
        self._node = node

    def among(self, fault: str, *namespaces: str) -> bool:
        """Whether one planted fault covers all of these namespaces on this node: others' are no business of its own."""
        return any(
            all(active((one,), fault, node=self._node, namespace=each) is not None for each in namespaces)
            for one in self._faults
        )

    def here(self, fault: str, namespace: str) -> bool:
        """Whether this fault covers that namespace on this node."""
        return bool(self._faults) and active(self._faults, fault, node=self._node, namespace=namespace) is not None
