"""Three nodes with kubelets over a store, inside namespaces of their own, for the scenarios of pods_scenarios.py.

Run as `python -m tests.system.pods_ground <name> run|stay` by test_pods.py, under `unshare`: the first process of
fresh mount, network and PID namespaces, as the embedded cluster's own process is.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from harness.embedded.api import LocalApi
from harness.embedded.kubelet.kubelet import Kubelet
from harness.embedded.kubelet.runtime import PodRuntime
from harness.embedded.kubelet.spec import NodeSpec
from harness.embedded.netns.fabric import Fabric, plan_nodes
from harness.embedded.store.objects import Store
from harness.embedded.wiring.ground import prepare

NAMESPACE = "shop"
FAMILIES = ("IPv4", "IPv6")
LIMIT = 60.0  # seconds until what should come counts as not coming; on an idle machine it comes in less than one
SERVER = """
import http.server, socket, sys
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        size = int(self.path[1:]) if self.path[1:].isdigit() else 0
        body = (socket.gethostname() + " " + self.client_address[0].removeprefix("::ffff:")).encode().ljust(size, b".")
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
Server(("::", int(sys.argv[1])), Answer).serve_forever()
"""
CLIENT = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=float(sys.argv[2])).read().decode(), end="")
"""


class Ground:
    """A small cluster without data plane or DNS: store, kubelets, and what tests ask of them."""

    def __init__(self, name: str) -> None:
        self.plans = plan_nodes([f"{name}-control-plane", f"{name}-worker", f"{name}-worker2"], FAMILIES)
        self.nodes = [plan.name for plan in self.plans]
        self.fabric = Fabric(self.plans)
        self.store = Store(families=FAMILIES)
        self.api = LocalApi(self.store, "test")
        self.kubelets = {
            plan.name: Kubelet(
                LocalApi(self.store, "kubelet"),
                NodeSpec(plan.name, plan.netns, plan.addresses, plan.pod_cidrs),
                token_for=lambda namespace, account: f"token of {namespace}/{account}",
            )
            for plan in self.plans
        }
        self.runtime = PodRuntime(self.kubelets)

    async def start(self) -> None:
        """Boot it."""
        await self.fabric.start()
        for namespace in ("default", "kube-node-lease", NAMESPACE, "rec-dns"):
            self.store.create("namespaces", {"metadata": {"name": namespace}})
            ca = {"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": "certificate"}}
            self.store.create("configmaps", ca, namespace=namespace)
        await asyncio.gather(*(kubelet.start() for kubelet in self.kubelets.values()))

    async def stop(self) -> None:
        """Take it down in an orderly way."""
        await asyncio.gather(*(kubelet.stop() for kubelet in self.kubelets.values()))
        await self.fabric.stop()

    async def make(self, name: str, *containers: dict[str, Any], node: int = 0, **more: Any) -> None:
        """Create a pod bound to a node. Keyword arguments are its spec; `namespace` is its namespace."""
        namespace = more.pop("namespace", NAMESPACE)
        labels = more.pop("labels", {})
        spec = {
            "nodeName": self.nodes[node],
            "terminationGracePeriodSeconds": 1,
            "containers": list(containers) or [sleeper()],
            **more,
        }
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}
        await self.api.create("pods", body, namespace=namespace)

    async def pod(self, name: str, *, namespace: str = NAMESPACE) -> dict[str, Any]:
        """A pod as the API has it; {} when it has none."""
        items, _ = await self.api.list("pods", namespace=namespace)
        return next((one for one in items if one["metadata"]["name"] == name), {})

    async def ready(self, *names: str, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
        """Wait until the pods are ready; their objects."""

        async def all_ready() -> bool:
            return all([is_ready(await self.pod(name, namespace=namespace)) for name in names])

        await self.until(all_ready, f"ready: {names}")
        return [await self.pod(name, namespace=namespace) for name in names]

    async def gone(self, *names: str, namespace: str = NAMESPACE) -> None:
        """Wait until the pods are no more."""

        async def none_left() -> bool:
            return not any([await self.pod(name, namespace=namespace) for name in names])

        await self.until(none_left, f"gone: {names}")

    async def drop(self, *names: str, namespace: str = NAMESPACE) -> None:
        """Delete pods, kindly, and wait."""
        for name in names:
            await self.api.delete("pods", name, namespace=namespace)
        await self.gone(*names, namespace=namespace)

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait for something; AssertionError with its name when it does not come."""
        end = time.monotonic() + LIMIT
        while not await holds():
            if time.monotonic() > end:
                state = [(one["metadata"]["name"], one.get("status")) for one in (await self.api.list("pods"))[0]]
                events = [(one["reason"], one["message"]) for one in (await self.api.list("events"))[0][-20:]]
                raise AssertionError(f"did not come within {LIMIT:g} s: {what}\n{state}\n{events}")
            await asyncio.sleep(0.01)

    async def run(
        self,
        pod: str,
        *argv: str,
        stdin: bytes | None = None,
        tty: bool = False,
        container: str | None = None,
        **more: str,
    ) -> tuple[int, str, str]:
        """Exec to the end: exit code, output, error output."""
        namespace = more.get("namespace", NAMESPACE)
        process = await self.runtime.exec(namespace, pod, container, list(argv), stdin=stdin is not None, tty=tty)
        out, err, _ = await asyncio.gather(drain(process.read_stdout), drain(process.read_stderr), feed(process, stdin))
        return await process.wait(), out.decode(), err.decode()

    async def text(self, pod: str, *argv: str, **more: Any) -> str:
        """Exec that must succeed: its output."""
        code, out, err = await self.run(pod, *argv, **more)
        assert code == 0, f"{argv} in {pod}: {code}: {err or out}"
        return out

    async def fetch(self, pod: str, url: str, *, limit: float = 2.0) -> str:
        """What a server answers to a pod: "name client-address", or "" when it does not answer."""
        code, out, _ = await self.run(pod, "python3", "-c", CLIENT, url, str(limit))
        return out.rstrip(".") if code == 0 else ""

    async def log(self, pod: str, **options: Any) -> str:
        """A container's log as text."""
        chosen = {
            "container": None, "follow": False, "tail_lines": None, "since_seconds": None,
            "timestamps": False, "previous": False, "limit_bytes": None, **options,
        }  # fmt: skip
        container = chosen.pop("container")
        return b"".join([piece async for piece in self.runtime.logs(NAMESPACE, pod, container, **chosen)]).decode()


def sleeper(name: str = "c", **more: Any) -> dict[str, Any]:
    """A container that does nothing and obeys SIGTERM."""
    script = "trap 'exit 0' TERM; while :; do sleep 0.05; done"
    return {"name": name, "image": "python:3.12", "command": ["sh", "-c", script], **more}


def server(name: str = "c", *, port: int = 8080, **more: Any) -> dict[str, Any]:
    """A container that answers HTTP with its hostname and the client's address, ready when it does."""
    probe = {"tcpSocket": {"port": port}, "periodSeconds": 1}
    return {
        "name": name,
        "image": "docker.io/library/python:3.12-alpine",
        "command": ["python", "-c", SERVER, str(port)],
        "readinessProbe": probe,
        **more,
    }


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether its Ready condition is True."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def status_of(pod: dict[str, Any], index: int = 0) -> dict[str, Any]:
    """A container's status; {} when there is none yet."""
    found: list[dict[str, Any]] = (pod.get("status") or {}).get("containerStatuses") or []
    return found[index] if found else {}


def url(address: str, *, port: int = 8080, path: str = "/") -> str:
    """An HTTP URL of a literal address."""
    return f"http://[{address}]:{port}{path}" if ":" in address else f"http://{address}:{port}{path}"


async def drain(read: Callable[[], Awaitable[bytes]]) -> bytes:
    """Everything a stream gives."""
    pieces = []
    while piece := await read():
        pieces.append(piece)
    return b"".join(pieces)


async def feed(process: Any, data: bytes | None) -> None:
    """Write all input and close it."""
    if data is not None:
        await process.write_stdin(data)
        await process.close_stdin()


async def main(name: str, mode: str) -> None:
    """Boot; run every scenario and tell the results as JSON, or stay until killed."""
    from tests.system.pods_scenarios import SCENARIOS

    ground = Ground(name)
    await ground.start()
    if mode == "stay":
        for index in range(3):
            await ground.make(f"p{index}", node=index)
        await ground.ready("p0", "p1", "p2")
        print(json.dumps({"ready": True}), flush=True)
        await asyncio.Event().wait()
    results: dict[str, dict[str, Any]] = {}
    for scenario in SCENARIOS:
        began = time.monotonic()
        try:
            await scenario(ground)
            problem = ""
        except Exception:  # noqa: BLE001  # told as the scenario's result
            problem = traceback.format_exc()
        results[scenario.__name__] = {"problem": problem, "seconds": round(time.monotonic() - began, 2)}
    print(json.dumps(results), flush=True)


if __name__ == "__main__":
    prepare()
    asyncio.run(main(sys.argv[1], sys.argv[2]))
