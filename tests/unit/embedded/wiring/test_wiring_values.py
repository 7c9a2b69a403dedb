"""What a cluster is asked to be, what its nodes are called, what stands in it before anybody asks for anything."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
from collections.abc import Iterator

import pytest

from harness.effects.clock import FakeClock
from harness.embedded.store.objects import Store
from harness.embedded.wiring import FAMILIES, Settings, seeds
from harness.embedded.wiring.cluster import API_ADDRESS, Cluster, _dns_ready, node_names

ASKED = (
    Settings(),
    Settings(name="other", families=FAMILIES["ipv4"], nodes=5, jitter=0.0, seed=7),
    Settings(families=("IPv6", "IPv4")),
)


@pytest.mark.parametrize("settings", ASKED)
def test_settings_survive_the_way_to_the_process(settings: Settings) -> None:
    """They travel as JSON on a command line, and arrive as they left."""
    assert Settings.from_dict(json.loads(json.dumps(settings.as_dict()))) == settings


@pytest.mark.parametrize(
    ("nodes", "zones", "where"),
    [
        (3, 2, ["zone-1", "zone-1", "zone-2"]),
        (3, 3, ["zone-1", "zone-2", "zone-3"]),
        (2, 0, ["", ""]),
        (1, 2, ["zone-1"]),
    ],
)
def test_nodes_are_spread_over_zones(nodes: int, zones: int, where: list[str]) -> None:
    """Neighbours together, evenly, none left out; without zones they stand nowhere in particular."""
    settings = Settings(nodes=nodes, zones=zones)
    assert [settings.zone(index) for index in range(nodes)] == where


def test_an_unknown_setting_is_refused() -> None:
    """A misspelt setting must not be a cluster of defaults."""
    with pytest.raises(TypeError, match="jiter"):
        Settings.from_dict({**Settings().as_dict(), "jiter": 0})


@pytest.mark.parametrize(
    ("nodes", "names"),
    [
        (1, ["embedded-control-plane"]),
        (2, ["embedded-control-plane", "embedded-worker"]),
        (4, ["embedded-control-plane", "embedded-worker", "embedded-worker2", "embedded-worker3"]),
    ],
)
def test_nodes_are_named_as_kind_names_them(nodes: int, names: list[str]) -> None:
    """Who knows kind clusters finds their way."""
    assert node_names(Settings(nodes=nodes)) == names


@pytest.mark.parametrize("families", [("IPv4",), ("IPv4", "IPv6")])
def test_the_store_takes_what_stands_in_a_new_cluster(families: tuple[str, ...]) -> None:
    """Namespaces and the API's own Service, at the address every certificate names, with a slice that leads there."""
    store = Store(clock=FakeClock(start=1_800_000_000.0), families=families, seed=1)
    for name in seeds.NAMESPACES:
        store.create("namespaces", seeds.namespace(name))
    service = store.create("services", seeds.api_service(API_ADDRESS["IPv4"]), namespace="default")
    slice_ = store.create("endpointslices.discovery.k8s.io", seeds.api_slice(["172.18.0.2"]), namespace="default")
    endpoints = store.create("endpoints", seeds.api_endpoints(["172.18.0.2"]), namespace="default")
    assert (service["spec"]["clusterIP"], service["spec"]["ports"][0]["port"]) == ("10.96.0.1", 443)
    assert "selector" not in service["spec"], "nobody but the API server keeps its slice"
    assert slice_["metadata"]["labels"]["kubernetes.io/service-name"] == service["metadata"]["name"]
    assert slice_["ports"][0]["port"] == endpoints["subsets"][0]["ports"][0]["port"] == seeds.API_PORT
    assert endpoints["metadata"]["labels"], "a mirror of it would be a second slice"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def delays(settings: Settings, component: str, listener: socket.socket) -> list[float]:
    """What a component of such a cluster waits before it acts, eight times."""
    cluster, clock = Cluster(settings, listener), FakeClock()
    cluster._clock = clock  # type: ignore[assignment]  # the cluster's own is real
    jitter, seen = cluster._jitter(component), [0.0]

    async def act() -> None:
        for _ in range(8):
            await jitter()
            seen.append(clock.now())

    asyncio.run(act())
    return [round(after - before, 9) for before, after in itertools.pairwise(seen)]


def test_the_same_seed_gives_the_same_delays(listener: socket.socket) -> None:
    """A run is repeated with its seed; components do not share their delays, and another seed gives others."""
    first = delays(Settings(seed=3), "proxy n1", listener)
    assert first == delays(Settings(seed=3), "proxy n1", listener)
    assert first != delays(Settings(seed=3), "proxy n2", listener)
    assert first != delays(Settings(seed=4), "proxy n1", listener)
    assert all(0 <= delay <= Settings().jitter for delay in first)
    assert max(first) > 0


def test_no_jitter_is_no_delay(listener: socket.socket) -> None:
    """Benchmarks measure the components, not their delays."""
    assert delays(Settings(jitter=0.0), "proxy n1", listener) == [0.0] * 8


def test_the_way_in_leads_to_the_listener(listener: socket.socket) -> None:
    """The kubeconfig names loopback and the port that was made for it, under the cluster's name."""
    document = Cluster(Settings(name="mine"), listener).kubeconfig()
    assert document["clusters"][0]["cluster"]["server"] == f"https://127.0.0.1:{listener.getsockname()[1]}"
    assert "mine" in document["current-context"]


READY = {"type": "Ready", "status": "True"}


@pytest.mark.parametrize(
    ("pods", "ready"),
    [
        ([], False),
        ([("kube-dns", READY), ("kube-dns", READY)], True),
        ([("kube-dns", READY), ("kube-dns", {**READY, "status": "False"})], False),
        ([("kube-dns", READY), ("kube-dns", None)], False),
        ([("other", READY)], False),
        ([("kube-dns", READY), ("other", None)], True),
    ],
)
def test_dns_is_ready_when_all_its_pods_are(pods: list[tuple[str, dict[str, str] | None]], *, ready: bool) -> None:
    """A cluster is up when every DNS pod answers; of none, it is not; other pods do not count."""
    made = [
        {"metadata": {"labels": {"k8s-app": app}}, "status": {"conditions": [condition]} if condition else {}}
        for app, condition in pods
    ]
    assert _dns_ready(made) is ready
