"""The embedded cluster: its components, built, started and stopped in a listed order.

Order: fabric and nodes (namespaces) · store and what stands in it · API server · controllers · kubelets · service
proxies and policy agents · cluster DNS, whose pods go through all of the above, and the Ingress controller, which is
not waited for: its first Ingress does. Stopping is the reverse, though nobody has to: when the process ends the kernel
removes all of it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from harness.effects.clock import RealClock
from harness.embedded.api import LocalApi
from harness.embedded.api.cache import Cache
from harness.embedded.apiserver.app import make_app, serve
from harness.embedded.apiserver.authority import Authority
from harness.embedded.balancer.announce import Announcer
from harness.embedded.controllers import Controllers, standard_controllers
from harness.embedded.dns.manifests import manifests as dns_addon
from harness.embedded.faults import Expiry
from harness.embedded.ingress.manifests import manifests as ingress_addon
from harness.embedded.kubelet.kubelet import Kubelet
from harness.embedded.kubelet.runtime import PodRuntime
from harness.embedded.kubelet.spec import NodeSpec
from harness.embedded.kubeproxy.sync import ServiceProxy
from harness.embedded.netns.fabric import Fabric, NodePlan, plan_nodes
from harness.embedded.netns.sockets import listener_in, socket_in
from harness.embedded.netpol.sync import PolicyAgent
from harness.embedded.store.objects import Store
from harness.embedded.wiring import seeds
from harness.embedded.wiring.ground import STATE
from harness.embedded.wiring.packets import Tracer
from harness.embedded.wiring.settings import Settings

log = logging.getLogger(__name__)

ROLES = ("control-plane", "worker")
API_ADDRESS = {"IPv4": "10.96.0.1", "IPv6": "fd00:10:96::1"}
DNS_ADDRESS = {"IPv4": "10.96.0.10", "IPv6": "fd00:10:96::a"}
POOLS = (("172.18.255.200", "172.18.255.250"), ("fc00:f853:ccd:e793:ffff::1", "fc00:f853:ccd:e793:ffff::ff"))
"""Addresses for LoadBalancer Services: on the fabric's network and nobody else's."""

ADDON_RESOURCES = {
    "ServiceAccount": "serviceaccounts",
    "ConfigMap": "configmaps",
    "Service": "services",
    "Deployment": "deployments.apps",
    "IngressClass": "ingressclasses.networking.k8s.io",
    "Namespace": "namespaces",
}

Jitter = Callable[[], Awaitable[None]]


class Component(Protocol):
    """What is started and stopped."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Cluster:
    """One embedded cluster in this process. Start it once; it lives until the process ends or `stop`."""

    def __init__(self, settings: Settings, api_socket: socket.socket) -> None:
        self._settings = settings
        self._clock = RealClock()
        self._api_socket = api_socket
        self._plans = plan_nodes(node_names(settings), settings.families)
        self._tracer = Tracer(self._plans)
        self._started: list[Component] = []
        self._runner: Any = None
        self.store = Store(clock=self._clock, families=settings.families, seed=settings.seed)
        addresses = [address for plan in self._plans for address in plan.addresses]
        self.authority = Authority.create(
            now=self._clock.wall(), names=[plan.name for plan in self._plans], addresses=addresses
        )

    def kubeconfig(self) -> dict[str, Any]:
        """The administrator's way in, over the host's loopback."""
        port = self._api_socket.getsockname()[1]
        return self.authority.kubeconfig(f"https://127.0.0.1:{port}", self._settings.name)

    async def start(self) -> None:
        """Boot: returns when nodes are Ready, rules are in force and the cluster DNS answers."""
        fabric = Fabric(self._plans)
        await self._start([fabric])
        self._seed()
        kubelets = {plan.name: self._kubelet(plan) for plan in self._plans}
        await self._serve(PodRuntime(kubelets))
        await self._start([self._controllers(), Expiry(self._api("fault-expiry"), clock=self._clock)])
        await self._start(kubelets.values())
        await self._start([*map(self._proxy, self._plans), *map(self._policy_agent, self._plans)])
        await self._start([Announcer(self._api("announcer"), self._plans, jitter=self._jitter("announcer"))])
        await self._cluster_dns()
        await self._add(ingress_addon(families=self._settings.families, jitter=self._settings.jitter))

    async def stop(self) -> None:
        """Stop everything, last started first. What fails to stop is logged; the rest still stops."""
        for component in reversed(self._started):
            try:
                await component.stop()
            except Exception:
                log.exception("while stopping %s", type(component).__name__)
        self._started.clear()
        if self._runner is not None:
            await self._runner.cleanup()

    def _api(self, component: str) -> LocalApi:
        return LocalApi(self.store, component)

    def _jitter(self, component: str) -> Jitter:
        """Delays of this component's own, the same for the same seed."""
        draws = random.Random(f"{self._settings.seed}/{component}")  # noqa: S311  # not for secrets

        async def jitter() -> None:
            if self._settings.jitter > 0:
                await self._clock.pause(draws.uniform(0.0, self._settings.jitter))

        return jitter

    async def _start(self, components: Iterable[Component]) -> None:
        several = list(components)
        self._started += several
        await asyncio.gather(*(component.start() for component in several))

    def _seed(self) -> None:
        for name in seeds.NAMESPACES:
            self.store.create("namespaces", seeds.namespace(name))
        self.store.create("servicecidrs.networking.k8s.io", seeds.service_cidr(self.store.service_cidrs))
        first = self._plans[0].addresses[:1]
        service = seeds.api_service(API_ADDRESS["IPv4"])
        self.store.create("services", service, namespace="default")
        self.store.create("endpointslices.discovery.k8s.io", seeds.api_slice(first), namespace="default")
        self.store.create("endpoints", seeds.api_endpoints(first), namespace="default")

    async def _serve(self, runtime: PodRuntime) -> None:
        advertised = f"{self._plans[0].addresses[0]}:{seeds.API_PORT}"
        here = self._plans[0].netns
        app = make_app(
            self.store,
            runtime,
            auth=self.authority,
            clock=self._clock,
            advertised=advertised,
            reach=lambda family: socket_in(here, socket.AddressFamily(family), socket.SOCK_STREAM),
            trace=self._tracer.paths,
        )
        inside = await asyncio.to_thread(listener_in, here, self._plans[0].addresses[0], seeds.API_PORT)
        self._runner = await serve(app, [self._api_socket, inside], self.authority.server_context())

    def _controllers(self) -> Controllers:
        pools = [pool for pool in POOLS if ":" not in pool[0] or "IPv6" in self._settings.families]
        return Controllers(
            self._api("kube-controller-manager"),
            standard_controllers(ca=self.authority.ca.decode(), pools=pools),
            jitter=self._jitter("controllers"),
            clock=self._clock,
        )

    def _kubelet(self, plan: NodePlan) -> Kubelet:
        spec = NodeSpec(
            name=plan.name,
            netns=plan.netns,
            addresses=plan.addresses,
            pod_cidrs=plan.pod_cidrs,
            cluster_dns=(DNS_ADDRESS["IPv4"],),
            state=STATE,
            control_plane=plan is self._plans[0],
            zone=self._settings.zone(self._plans.index(plan)),
        )
        return Kubelet(
            self._api("kubelet"),
            spec,
            token_for=self.authority.token_for,
            clock=self._clock,
            jitter=self._jitter(f"kubelet {plan.name}"),
        )

    def _proxy(self, plan: NodePlan) -> ServiceProxy:
        proxy = ServiceProxy(
            self._api("kube-proxy"),
            plan,
            jitter=self._jitter(f"proxy {plan.name}"),
            clock=self._clock,
            families=self._settings.families,
        )
        self._tracer.add(plan.name, proxy)
        return proxy

    def _policy_agent(self, plan: NodePlan) -> PolicyAgent:
        agent = PolicyAgent(
            self._api("policy-agent"),
            plan,
            jitter=self._jitter(f"policy {plan.name}"),
            clock=self._clock,
            families=self._settings.families,
        )
        self._tracer.add(plan.name, agent)
        return agent

    async def _cluster_dns(self) -> None:
        addresses = [DNS_ADDRESS[family] for family in self._settings.families]
        await self._add(dns_addon(addresses, families=self._settings.families))
        cache = Cache(self._api("addon-manager"), ["pods"])
        await cache.start()
        generation = cache.generation
        while not _dns_ready(cache.by_namespace("pods", "kube-system")):
            generation = await cache.changed(generation)
        await cache.stop()

    async def _add(self, objects: Iterable[dict[str, Any]]) -> None:
        api = self._api("addon-manager")
        for obj in objects:
            await api.create(ADDON_RESOURCES[obj["kind"]], obj, namespace=obj["metadata"].get("namespace"))


def node_names(settings: Settings) -> list[str]:
    """As kind names them: one control-plane, then workers."""
    workers = [f"{settings.name}-worker{number if number > 1 else ''}" for number in range(1, settings.nodes)]
    return [f"{settings.name}-{ROLES[0]}", *workers]


def _dns_ready(pods: list[dict[str, Any]]) -> bool:
    mine = [pod for pod in pods if pod["metadata"].get("labels", {}).get("k8s-app") == "kube-dns"]
    return bool(mine) and all(
        any(
            each["type"] == "Ready" and each["status"] == "True" for each in pod.get("status", {}).get("conditions", [])
        )
        for pod in mine
    )
