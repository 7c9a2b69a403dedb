"""One owner of the cluster for all workers: made once, refused once for all, reached only with the run's key."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path

import pytest

from harness.clusters.provider import Access, ClusterError
from harness.effects.run import start
from harness.plugin.owner import ORPHANED, ClusterOwner, access_from, tie_to

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


TIED = """
import sys
from harness.plugin.owner import tie_to
tie_to({"address": ["127.0.0.1", int(sys.argv[1])], "key": sys.argv[2]})
print("tied", flush=True)
sys.stdin.read()
"""
OWNING = """
import sys
from harness.plugin.owner import ClusterOwner
invitation = ClusterOwner(None, prepare=print).invitation()
print(invitation["address"][1], invitation["key"], flush=True)
sys.stdin.read()
"""


def test_a_worker_ends_with_its_owner() -> None:
    """A worker whose owner is killed with -9 ends at once, though nobody tells it to."""
    running = []
    try:
        owner = start([sys.executable, "-c", OWNING], stdin=-1)
        running.append(owner)
        address = owner.stdout.readline().decode().split() if owner.stdout else []
        worker = start([sys.executable, "-c", TIED, *address], stdin=-1)
        running.append(worker)
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"tied\n"
        owner.kill()
        assert worker.wait(5) == ORPHANED
    finally:
        for process in running:
            process.kill()
            process.communicate()


def test_a_worker_without_owner_does_not_begin(owner: ClusterOwner) -> None:
    """A tie to an owner that is gone already is refused."""
    invitation = owner.invitation()
    owner.close()
    with pytest.raises(ClusterError, match="owner of the run is gone"):
        tie_to(invitation)
