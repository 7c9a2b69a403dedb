"""Attaching a sandbox to the pod network with real CNI plugins, called as a container runtime calls them.

Follows the CNI specification 1.0.0: JSON on stdin, parameters in the environment, result on stdout. The plugin runs
in the node's namespace because the thread that starts it stands there. `ipMasq` stays off: it would hide pods from
each other. Pods with hostPorts go through `portmap` as well, which writes iptables rules into the node's namespace.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.effects.run import run
from harness.embedded.kubelet.spec import NodeSpec
from harness.embedded.netns.namespace import run_in_async

PLUGINS = Path("/usr/lib/cni")
INTERFACE = "eth0"
LIMIT = 20.0
"""Seconds one plugin may take; it takes 0.03 on an idle machine."""


class CniError(Exception):
    """A plugin refused; the text is its own message."""


@dataclass(frozen=True)
class Attachment:
    """What ADD gave: the pod's addresses in order, and the name of the node's end of its link."""

    addresses: tuple[str, ...]
    node_link: str


def configuration(node: NodeSpec) -> dict[str, Any]:
    """The node's network configuration: a point-to-point link per pod, addresses from the node's own pod networks."""
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "type": "ptp",
        "mtu": 1500,
        "ipam": {
            "type": "host-local",
            "dataDir": str(node.home / "ipam"),
            "ranges": [[{"subnet": cidr}] for cidr in node.pod_cidrs],
            "routes": [{"dst": "::/0" if ":" in cidr else "0.0.0.0/0"} for cidr in node.pod_cidrs],
        },
    }


def port_mapping(mappings: Sequence[Mapping[str, Any]], previous: Mapping[str, Any]) -> dict[str, Any]:
    """What comes after it in the chain for a pod with hostPorts: `previous` is what the plugin before gave."""
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "type": "portmap",
        "capabilities": {"portMappings": True},
        "snat": True,
        "runtimeConfig": {"portMappings": list(mappings)},
        "prevResult": dict(previous),
    }


def parse_result(result: Mapping[str, Any]) -> Attachment:
    """The Attachment in an ADD result."""
    addresses = tuple(str(entry["address"]).partition("/")[0] for entry in result.get("ips") or ())
    links = [entry["name"] for entry in result.get("interfaces") or () if not entry.get("sandbox")]
    return Attachment(addresses, links[0] if links else "")


async def add(
    node: NodeSpec,
    *,
    sandbox: str,
    netns: Path,
    pod: Mapping[str, str],
    mappings: Sequence[Mapping[str, Any]] = (),
) -> Attachment:
    """Attach the namespace at `netns`. `pod` has the names that go into CNI_ARGS. Raises CniError."""
    call = _Call(node, sandbox, netns, pod)
    given = json.loads(await call.make("ADD", configuration(node)))
    if mappings:
        await call.make("ADD", port_mapping(mappings, given))
    return parse_result(given)


async def delete(
    node: NodeSpec,
    *,
    sandbox: str,
    netns: Path,
    pod: Mapping[str, str],
    mappings: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Detach; what is detached already is no error. Raises CniError."""
    call = _Call(node, sandbox, netns, pod)
    if mappings:
        await call.make("DEL", port_mapping(mappings, {"cniVersion": "1.0.0"}))
    await call.make("DEL", configuration(node))


@dataclass(frozen=True)
class _Call:
    """Calls about one sandbox."""

    node: NodeSpec
    sandbox: str
    netns: Path
    pod: Mapping[str, str]

    async def make(self, command: str, conf: Mapping[str, Any]) -> bytes:
        arguments = ";".join(["IgnoreUnknown=1", *(f"{key}={value}" for key, value in self.pod.items())])
        env = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": self.sandbox,
            "CNI_NETNS": str(self.netns),
            "CNI_IFNAME": INTERFACE,
            "CNI_PATH": str(PLUGINS),
            "CNI_ARGS": arguments,
        }
        argv = [str(PLUGINS / conf["type"])]
        stdin = json.dumps(conf).encode()
        done = await run_in_async(self.node.netns, lambda: run(argv, stdin=stdin, env=env, timeout=LIMIT, check=False))
        if done.code != 0:
            words = _message(done.out) or done.err.decode(errors="replace")
            raise CniError(f"{conf['type']} {command} failed: {words}")
        return done.out


def _message(out: bytes) -> str:
    try:
        said = json.loads(out)
    except ValueError:
        return out.decode(errors="replace").strip()
    return str(said.get("msg", said))
