"""Which layer is at fault, guessed from symptoms. The rules are data, most telling first; a guess says why it was made.

A guess helps a reader to begin; it never changes a verdict.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass


class Layer(enum.StrEnum):
    """Who should look first."""

    HARNESS = "harness"
    POD_NETWORK = "pod network"
    KUBELET = "kubelet"
    ENDPOINTSLICES = "endpointslice controller"
    SERVICE_PROXY = "service proxy"
    DNS = "dns"
    POLICY = "policy"
    API_SERVER = "api server"
    INGRESS = "ingress controller"
    UNCLEAR = "unclear"


class Symptom(enum.StrEnum):
    """A fact about a failure. Leave out what is not known: absence is not the opposite."""

    UNMEASURED = "the probe broke or its answer was lost"
    CONTROL_FAILED = "the positive control was not reached"
    POD_NOT_READY = "a pod that should be Ready is not"
    POD_ADDRESS_WORKS = "the backend answers at its pod address"
    POD_ADDRESS_FAILS = "the backend does not answer at its pod address"
    SERVICE_ADDRESS_FAILS = "the Service address does not answer"
    WRONG_BACKEND = "a backend answered that must not"
    MISSING_BACKEND = "a backend that must answer never did"
    WRONG_SOURCE = "the server saw another source address than promised"
    SLICES_WRONG = "the EndpointSlices are not what the pods call for"
    SLICES_RIGHT = "the EndpointSlices are what the pods call for"
    DNS_ASKED = "the question was a DNS question"
    DNS_SILENT = "the DNS server did not answer"
    DNS_UNSERVED = "the Service of the cluster DNS has no ready endpoint"
    DNS_POD_ANSWERS = "a DNS pod answers at its own address"
    DNS_STRANGER = "who answered at the Service address of the DNS is none of its pods"
    DNS_SERVER_REACHED = "the DNS server answered"
    DNS_ANSWER_WRONG = "the DNS answer is not what the API objects call for"
    RESOLVER_FILE_WRONG = "resolv.conf, hosts or hostname in the pod is not what its spec calls for"
    NOT_AS_TOLD = "a pod has other addresses than the API says, or runs on without being in it"
    ENVIRONMENT_WRONG = "the environment of a pod is not what its spec and the Services call for"
    POLICY_SELECTS = "a NetworkPolicy isolates one of the ends"
    ALLOWED_BUT_CLOSED = "policy allows it and it is closed"
    DENIED_BUT_OPEN = "policy denies it and it is open"
    INGRESS_WRONG = "the Ingress controller answers otherwise than the API objects call for"
    API_ANSWER_WRONG = "the API server accepted, refused or completed a request otherwise than it has to"
    WORKED_BEFORE_POLICY = "the same cell was reached before the policy came"


@dataclass(frozen=True)
class Signature:
    """These symptoms together, without those, point at a layer."""

    layer: Layer
    when: frozenset[Symptom]
    why: str
    unless: frozenset[Symptom] = frozenset()


def _signature(layer: Layer, *when: Symptom, why: str, unless: Iterable[Symptom] = ()) -> Signature:
    return Signature(layer, frozenset(when), why, frozenset(unless))


S = Symptom
SIGNATURES: tuple[Signature, ...] = (
    # What was seen to pass has passed, whatever else was not measured.
    _signature(Layer.POLICY, S.DENIED_BUT_OPEN, why="packets pass that no rule admits"),
    _signature(Layer.HARNESS, S.UNMEASURED, why="nothing was measured: look at the agent and its stream first"),
    _signature(Layer.API_SERVER, S.API_ANSWER_WRONG, why="the API server answers requests otherwise than it has to"),
    _signature(Layer.KUBELET, S.ENVIRONMENT_WRONG, why="the kubelet gives pods their variables"),
    _signature(Layer.KUBELET, S.NOT_AS_TOLD, why="the kubelet tells the API of its pods, and ends them"),
    _signature(
        Layer.INGRESS,
        S.INGRESS_WRONG,
        why="the slices are right and the controller answers otherwise than Ingresses and classes call for",
        unless=(S.SLICES_WRONG,),
    ),
    _signature(Layer.KUBELET, S.RESOLVER_FILE_WRONG, why="the kubelet writes resolv.conf, hosts and the hostname"),
    _signature(
        Layer.POLICY,
        S.ALLOWED_BUT_CLOSED,
        S.WORKED_BEFORE_POLICY,
        why="it worked until the policy came, and a rule admits it",
    ),
    _signature(Layer.KUBELET, S.POD_NOT_READY, why="a pod never became Ready"),
    _signature(
        Layer.ENDPOINTSLICES, S.SLICES_WRONG, why="the slices differ from the pods, so all that read them differ"
    ),
    _signature(
        Layer.SERVICE_PROXY,
        S.DNS_ASKED,
        S.DNS_STRANGER,
        why="the DNS pods answer for the zone at their own addresses, somebody else at the Service address of the DNS",
    ),
    _signature(
        Layer.DNS,
        S.DNS_ANSWER_WRONG,
        why="the server answered, and not what the API objects call for",
    ),
    _signature(
        Layer.DNS, S.DNS_ASKED, S.DNS_SILENT, S.DNS_UNSERVED, why="the Service of the cluster DNS has no ready endpoint"
    ),
    _signature(
        Layer.SERVICE_PROXY,
        S.DNS_ASKED,
        S.DNS_SILENT,
        S.DNS_POD_ANSWERS,
        why="a DNS pod answers at its own address and the Service address of the DNS is silent",
    ),
    _signature(
        Layer.POD_NETWORK,
        S.POD_ADDRESS_FAILS,
        why="the pod does not answer at its own address: no Service or name is involved",
        unless=(S.POLICY_SELECTS,),
    ),
    _signature(
        Layer.DNS,
        S.DNS_ASKED,
        S.DNS_SILENT,
        S.POD_ADDRESS_WORKS,
        why="pods are reached and the DNS server is silent",
    ),
    _signature(
        Layer.SERVICE_PROXY,
        S.SERVICE_ADDRESS_FAILS,
        S.POD_ADDRESS_WORKS,
        why="the backend answers at its pod address and not through the Service",
        unless=(S.POLICY_SELECTS,),
    ),
    _signature(
        Layer.SERVICE_PROXY,
        S.SERVICE_ADDRESS_FAILS,
        S.SLICES_RIGHT,
        why="the slices are right and the Service address does not follow them",
        unless=(S.POLICY_SELECTS,),
    ),
    _signature(Layer.SERVICE_PROXY, S.WRONG_BACKEND, why="a connection was sent where no slice points"),
    _signature(Layer.SERVICE_PROXY, S.MISSING_BACKEND, S.SLICES_RIGHT, why="a backend in the slices is never chosen"),
    _signature(Layer.SERVICE_PROXY, S.WRONG_SOURCE, why="the source address was rewritten where it must be kept"),
    _signature(Layer.POLICY, S.ALLOWED_BUT_CLOSED, S.POLICY_SELECTS, why="a policy isolates an end, a rule admits it"),
    _signature(Layer.DNS, S.DNS_ASKED, S.DNS_SILENT, why="the DNS server is silent; the path to it was not checked"),
    _signature(Layer.HARNESS, S.CONTROL_FAILED, why="the positive control failed: nothing was proved either way"),
)


@dataclass(frozen=True)
class Blame:
    """The guess and its reason."""

    layer: Layer
    why: str

    def __str__(self) -> str:
        return f"{self.layer} ({self.why})"


def blame(symptoms: Iterable[Symptom]) -> Blame:
    """The first signature whose symptoms are all there."""
    found = frozenset(symptoms)
    for each in SIGNATURES:
        if each.when <= found and not each.unless & found:
            return Blame(each.layer, each.why)
    return Blame(Layer.UNCLEAR, "these symptoms point nowhere in particular")
