"""Every wait of the harness in one place, with its reason. Seconds throughout, except counts where the unit says so.

There is no second list of these anywhere: who waits takes a `Waits` as argument. Nothing here waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

SECONDS = "s"
LOOKS = "looks"


def wait(seconds: float, why: str) -> float:
    """A duration and the reason for its size."""
    made: float = field(default=seconds, metadata={"unit": SECONDS, "why": why})
    return made


def count(looks: int, why: str) -> int:
    """A number of looks and the reason for it."""
    made: int = field(default=looks, metadata={"unit": LOOKS, "why": why})
    return made


class BadWaitError(ValueError):
    """A wait that does not exist, or a value it cannot take. The text says which and what would do."""


@dataclass(frozen=True)
class Waits:
    """How long the harness waits for what. Change some with `override`; a field's metadata says why it is so."""

    probe_timeout: float = wait(
        1.0,
        "a first SYN is repeated after 1 s: a shorter time-out never sees the repetition, and 0.5 s was too short for"
        " policy agents that decide first packets in user space on a loaded two-core machine",
    )
    denied_retry_timeout: float = wait(
        3.0, "a cell that differs is asked again alone; two SYN repetitions (1 s, 3 s) rule out a lost packet"
    )
    dns_timeout: float = wait(2.0, "one lookup at a server; CoreDNS itself gives its upstream 2 s")
    spacing: float = wait(0.1, "between two looks: short against every budget, long against one round trip (1.5 ms)")
    refusal_spacing: float = wait(
        2.0,
        "between two looks at a refusal: kernels send one ICMP error a second to one destination after a burst of 6",
    )
    streak: int = count(
        3, "good looks in a row before a state counts as reached: one replica out of two lies half the time"
    )
    settle: float = wait(2.0, "how long a state must hold when the promise is that something does not change")
    pod_ready: float = wait(60.0, "pod created to Ready on a loaded machine, image present; image pulls come on top")
    pod_gone: float = wait(60.0, "deletion to disappearance: the grace period of our pods (1 s) and a slow kubelet")
    namespace_gone: float = wait(120.0, "deletion of a namespace: all its content first, in several passes")
    arena_ready: float = wait(120.0, "nine pods and their agents on a machine of two cores with other work")
    agent_attach: float = wait(20.0, "one exec stream: API server, kubelet, runtime, Python start")
    agent_silence: float = wait(10.0, "no heartbeat for this long: the stream is dead; heartbeats come every second")
    pod_network: float = wait(
        20.0, "pod Ready to reached from every node; some network agents program routes seconds after the pod is up"
    )
    dns_program: float = wait(
        45.0,
        "slice or Service change to DNS answer: one watch event, plus the 30 s of a kubeadm cache, which may take up"
        " the old answer once more in between (29.2 s were seen for reverse names)",
    )
    service_program: float = wait(
        30.0, "slice change to the proxy on every node; kube-proxy may sit out a 30 s sync period"
    )
    policy_live: float = wait(
        20.0, "policy or label change to the last cell of the table; the upstream suite allows 20 s on slow platforms"
    )
    endpoints_program: float = wait(20.0, "pod change to its EndpointSlice: controller batching and a slow API server")
    loadbalancer_address: float = wait(60.0, "a LoadBalancer Service to its first address")
    api_request: float = wait(30.0, "one API request; longer than any admission webhook may take (10 s by default)")
    network_plugin: float = wait(
        300.0,
        "what is put into a new cluster (network plugin, LoadBalancers, Ingress), its nodes, its DNS, each: images are"
        " pulled first, by every node",
    )
    exclusive_turn: float = wait(
        600.0, "waiting for the tests that hold the cluster; the longest shared test is far shorter"
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise BadWaitError(f"wait {each.name!r} must be a number, not {value!r}")
            if each.metadata["unit"] == LOOKS and (not isinstance(value, int) or value < 1):
                raise BadWaitError(
                    f"wait {each.name!r} counts looks: it must be a whole number of at least 1, not {value!r}"
                )
            if not 0 < value < float("inf"):
                raise BadWaitError(f"wait {each.name!r} must be positive and finite, not {value!r}")

    def override(self, changes: Mapping[str, float]) -> Waits:
        """These waits with some changed. Raises BadWaitError for an unknown name or an impossible value."""
        known = [each.name for each in fields(self)]
        if unknown := sorted(set(changes) - set(known)):
            raise BadWaitError(f"unknown wait {unknown}; known: {known}")
        exact = {
            name: int(value) if name == "streak" and float(value).is_integer() else value
            for name, value in changes.items()
        }
        return replace(self, **exact)  # type: ignore[arg-type]  # __post_init__ refuses what does not fit

    def why(self, name: str) -> str:
        """The reason for a wait's size."""
        return str(next(each.metadata["why"] for each in fields(self) if each.name == name))
