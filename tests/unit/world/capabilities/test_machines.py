"""Whether this machine reaches the nodes: only the node's own certificate proves it."""

from __future__ import annotations

import datetime
import errno
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness.model.capability import Fact, State
from harness.world.capabilities import Reads, machines
from tests.unit.world.capabilities.kindlike import cluster


def certificate(common: str, *names: str) -> bytes:
    """What a kubelet shows."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])
    began = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, began, began + datetime.timedelta(days=1))
    if names:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def reached(seen: Callable[[str], bytes], kind: str = "kind") -> Fact:
    return machines.reached(Reads(cluster(), kind=kind), seen=seen)


def raising(error: Exception) -> Callable[[str], bytes]:
    def seen(_: str) -> bytes:
        raise error

    return seen


@pytest.mark.parametrize(
    "shown", [certificate("n1@1700000000", "n1"), certificate("system:node:n1", "other", "n1")], ids=["own", "signed"]
)
def test_the_nodes_own_certificate_proves_it(shown: bytes) -> None:
    """The kubelet's own, or one the cluster signed."""
    asked: list[str] = []
    found = reached(lambda address: (asked.append(address), shown)[1])
    assert (found.state, asked) == (State.YES, ["172.18.0.2"])


@pytest.mark.parametrize("shown", [certificate("n9@17", "n9"), certificate("n1x"), b"", b"\x30\x03abc"])
def test_somebody_else_at_the_address_proves_nothing(shown: bytes) -> None:
    """Another cluster may use the same addresses: unknown, and pods stand in."""
    found = reached(lambda _: shown)
    assert (found.state, found.value) == (State.UNKNOWN, "pods stand in")


def test_no_route_is_no() -> None:
    """The kernel itself says that there is no way."""
    found = reached(raising(OSError(errno.ENETUNREACH, "Network is unreachable")))
    assert (found.state, found.value) == (State.NO, "pods stand in")
    assert "n1 at 172.18.0.2:10250: Network is unreachable" in found.why


@pytest.mark.parametrize("error", [TimeoutError("timed out"), ConnectionRefusedError(errno.ECONNREFUSED, "refused")])
def test_silence_and_refusal_are_unknown(error: OSError) -> None:
    """A filter in between, or a port that is closed, says nothing about others."""
    assert reached(raising(error)).state is State.UNKNOWN


def test_an_embedded_cluster_is_not_even_tried() -> None:
    """Its addresses may be somebody else's on this machine."""
    assert reached(raising(AssertionError("asked")), kind="embedded").state is State.NO
