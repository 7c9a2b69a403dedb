"""The agent's loop over a fake API and a fake door: newcomers at once, everything else after the jitter."""

from __future__ import annotations

import asyncio
from typing import Any

from harness.embedded.netpol.compile import ISOLATED, KNOWN, TABLE
from harness.embedded.netpol.model import Direction
from harness.embedded.netpol.sync import PODS, POLICIES, PolicyAgent
from harness.embedded.nft.fake import FakeDoor
from harness.embedded.nft.ruleset import Family, Table
from tests.unit.embedded.kubeproxy.test_kubeproxy_sync import FakeApi, Node, StillClock, no_jitter, settled
from tests.unit.embedded.netpol.nine_pods import address, namespace_object, pod_object, policy_object

CLOSED = policy_object("x", {"podSelector": {}, "policyTypes": ["Ingress"]})


def table(door: FakeDoor) -> Table:
    found = door.ruleset.table(Family.IPV4, TABLE)
    assert found is not None
    return found


def isolated(door: FakeDoor) -> set[str]:
    return set(table(door).maps[ISOLATED[Direction.INGRESS]].elements)


def agent(api: Any, door: FakeDoor, jitter: Any = no_jitter) -> PolicyAgent:
    return PolicyAgent(api, Node(), jitter=jitter, clock=StillClock(), door=door)


def api() -> FakeApi:
    return FakeApi(pods=[pod_object("x/a"), pod_object("x/c")], namespaces=[namespace_object("x")])


def test_a_policy_comes_and_goes() -> None:
    """Isolation begins with the policy and ends with it; pods of other nodes are not this agent's."""

    async def story() -> None:
        source, door = api(), FakeDoor()
        one = agent(source, door)
        await one.start()
        assert isolated(door) == set()
        source.say(POLICIES, "ADDED", CLOSED)
        await settled()
        assert isolated(door) == {address("x/a")}
        source.say(POLICIES, "DELETED", CLOSED)
        await settled()
        assert isolated(door) == set()
        assert one.ruleset is door.ruleset
        await one.stop()

    asyncio.run(story())


def test_a_new_pod_of_this_node_is_met_at_once() -> None:
    """While the agent hesitates over a change, a pod that waits for it does not wait longer; a remote pod does."""

    async def story() -> None:
        source, door, never = api(), FakeDoor(), asyncio.Event()

        async def hesitate() -> None:
            await never.wait()

        one = agent(source, door, hesitate)
        await one.start()
        source.say(POLICIES, "ADDED", CLOSED)
        source.say(PODS, "ADDED", pod_object("y/c"))
        await settled()
        assert one.syncs == 1
        source.say(PODS, "ADDED", pod_object("x/b"))
        await settled()
        assert table(door).sets[KNOWN].elements == {address("x/a"), address("x/b")}
        assert isolated(door) == {address("x/a"), address("x/b")}
        await one.stop()

    asyncio.run(story())


def test_one_change_is_one_transaction() -> None:
    """A policy with many rules becomes effective as a whole (POL-660)."""

    async def story() -> None:
        source, door = api(), FakeDoor()
        one = agent(source, door)
        await one.start()
        before = len(door.transactions)
        rules = [{"from": [{"ipBlock": {"cidr": f"10.9.{number}.0/24"}}]} for number in range(50)]
        source.say(POLICIES, "ADDED", policy_object("x", {"podSelector": {}, "ingress": rules}))
        await settled()
        assert len(door.transactions) == before + 1
        await one.stop()

    asyncio.run(story())
