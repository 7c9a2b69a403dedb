"""One owner of the cluster for all workers: made once, refused once for all, reached only with the run's key."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path

import pytest

from harness.clusters.provider import Access, ClusterError
from harness.plugin.owner import ClusterOwner, access_from

ACCESS = Access(kubeconfig={"clusters": []}, context=None, kind="embedded")


class CountingProvider:
    """A provider that counts, and refuses when told to."""

    def __init__(self, refusal: str = "") -> None:
        self.made = self.destroyed = 0
        self._refusal = refusal

    def create(self) -> Access:
        """Count, then answer or refuse."""
        self.made += 1
        if self._refusal:
            raise ClusterError(self._refusal)
        return ACCESS

    def destroy(self) -> None:
        """Count."""
        self.destroyed += 1

    def diagnose(self, into: Path) -> None:
        """Nothing to tell."""


@pytest.fixture
def provider() -> CountingProvider:
    """A provider that makes its cluster."""
    return CountingProvider()


@pytest.fixture
def owner(provider: CountingProvider) -> Iterator[ClusterOwner]:
    """An owner, closed afterwards."""
    made = ClusterOwner(provider, prepare=lambda access: None)
    yield made
    made.close()


def test_the_cluster_is_made_once_for_many(provider: CountingProvider, owner: ClusterOwner) -> None:
    """Many workers that ask at the same time get the same cluster."""
    invitation = owner.invitation()
    with ThreadPoolExecutor(8) as workers:
        told = list(workers.map(lambda _: access_from(invitation), range(8)))
    assert told == [ACCESS] * 8
    assert provider.made == 1


def test_nothing_is_made_when_nobody_asks(provider: CountingProvider, owner: ClusterOwner) -> None:
    """An invitation alone makes no cluster."""
    owner.invitation()
    assert (provider.made, owner.made) == (0, None)


def test_a_refusal_is_the_same_for_everybody() -> None:
    """A cluster that cannot be had is tried once; every worker hears the same reason."""
    provider = CountingProvider("not root")
    owner = ClusterOwner(provider, prepare=lambda access: None)
    invitation = owner.invitation()
    for _ in range(2):
        with pytest.raises(ClusterError, match="not root"):
            access_from(invitation)
    assert provider.made == 1
    assert str(owner.refusal) == "not root"
    owner.close()


def test_a_failed_preparation_is_a_refusal(provider: CountingProvider) -> None:
    """A cluster nobody may move into counts as none, and is destroyed when the owner closes."""

    def prepare(access: Access) -> None:
        raise ClusterError("no right to make namespaces")

    owner = ClusterOwner(provider, prepare=prepare)
    with pytest.raises(ClusterError, match="no right"):
        owner.access()
    assert owner.made is None
    owner.close()
    assert provider.destroyed == 1


def test_a_stranger_gets_nothing_and_disturbs_nobody(owner: ClusterOwner) -> None:
    """Without the run's key there is no answer; who has it is answered all the same afterwards."""
    invitation = owner.invitation()
    with pytest.raises(AuthenticationError):
        Client(tuple(invitation["address"]), authkey=b"guess")
    assert access_from(invitation) == ACCESS


def test_a_worker_whose_owner_is_gone_says_so(owner: ClusterOwner) -> None:
    """An address nobody listens at is a refusal in one line, not a traceback."""
    invitation = owner.invitation()
    owner.close()
    with pytest.raises(ClusterError, match="owner of the cluster is gone"):
        access_from(invitation)
