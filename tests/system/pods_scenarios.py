"""What must hold of pods on real namespaces and containers: one coroutine per promise, told by its docstring."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Awaitable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from harness.effects.run import run
from harness.embedded.kubelet import volumes
from harness.embedded.kubelet.containers import ContainerError
from harness.embedded.kubelet.resolver import hosts_file
from harness.embedded.store.errors import ApiError
from tests.system.pods_faults import (
    fault_of_a_black_hole,
    fault_of_a_wrong_nameserver,
    fault_of_masquerading_all,
    fault_of_stale_neighbours,
)
from tests.system.pods_ground import LIMIT, NAMESPACE, Ground, server, sleeper, status_of, url

LIST = ("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
"""Lists the command lines of a container's processes; its own does not hold what is looked for."""
RECORDED = json.loads((Path(__file__).parents[1] / "recordings" / "resolver.json").read_text())


async def nine_pods_reach_each_other(ground: Ground) -> None:
    """Pods on all nodes, host-network ones too, reach every pod in both families; pods are seen as themselves."""
    names = [f"net{index}" for index in range(6)]
    for index, name in enumerate(names):
        await ground.make(name, server(), node=index % 3)
    for index in range(3):
        await ground.make(f"host{index}", node=index, hostNetwork=True)
    pods = {one["metadata"]["name"]: one for one in await ground.ready(*names, "host0", "host1", "host2")}

    async def asks_all(client: str) -> None:
        for name in names:
            for entry in pods[name]["status"]["podIPs"]:
                answer = await ground.fetch(client, url(entry["ip"]))
                who, _, saw = answer.partition(" ")
                assert who == name, f"{client} -> {name} {entry['ip']}: {answer!r}"
                if not client.startswith("host"):
                    assert saw in {one["ip"] for one in pods[client]["status"]["podIPs"]}, answer

    await asyncio.gather(*(asks_all(client) for client in (*names[:3], "host0", "host1")))
    await ground.drop(*names, "host0", "host1", "host2")


async def status_is_whole(ground: Ground) -> None:
    """A running pod's status names its node, addresses of both families, container and times."""
    await ground.make("whole", node=1)
    status = (await ground.ready("whole"))[0]["status"]
    assert status["phase"] == "Running"
    assert [one["ip"] for one in status["hostIPs"]] == list(ground.plans[1].addresses)
    assert status["podIP"].startswith("10.244.1.")
    assert status["podIPs"][1]["ip"].startswith("fd00:10:244:1:")
    container = status["containerStatuses"][0]
    assert container["ready"]
    assert container["started"]
    assert container["containerID"].startswith("crun://")
    assert "running" in container["state"]
    assert status["startTime"]
    await ground.drop("whole")


async def resolver_files_are_as_recorded(ground: Ground) -> None:
    """Every recorded pod sees the recorded resolv.conf and hostnames, and the hosts file of its own addresses."""
    manifests = [one for one in RECORDED["manifests"] if one["metadata"]["name"] in RECORDED["observed"]]
    for index, manifest in enumerate(manifests):
        spec = {**manifest["spec"], "nodeName": ground.nodes[index % 3]}
        await ground.api.create("pods", {**manifest, "spec": spec}, namespace="rec-dns")
    names = [one["metadata"]["name"] for one in manifests]
    for pod in await ground.ready(*names, namespace="rec-dns"):
        name = pod["metadata"]["name"]
        seen = RECORDED["observed"][name]
        kubelet = ground.kubelets[pod["spec"]["nodeName"]]

        def renamed(text: str, seen: dict[str, Any] = seen, pod: dict[str, Any] = pod) -> str:
            return text.replace(seen["node"], pod["spec"]["nodeName"])

        async def say(*argv: str, name: str = name) -> str:
            return await ground.text(name, *argv, namespace="rec-dns")

        assert await say("cat", "/etc/resolv.conf") == seen["resolv.conf"], name
        addresses = [one["ip"] for one in pod["status"]["podIPs"]]
        assert await say("cat", "/etc/hosts") == hosts_file(pod, kubelet.node, addresses=addresses), name
        assert (await say("hostname")).strip() == renamed(seen["hostname"]), name
        assert (await say("hostname", "-f")).strip() == renamed(seen["hostname_f"]), name
    await ground.drop(*names, namespace="rec-dns")


async def exec_passes_streams_and_exit_codes(ground: Ground) -> None:
    """Input, output, error output and the exit code of an exec are the process's own, a terminal has a size."""
    await ground.make("ex")
    await ground.ready("ex")
    assert await ground.run("ex", "sh", "-c", "cat; echo oops >&2; exit 3", stdin=b"in") == (3, "in", "oops\n")
    big = b"x" * 3_000_000
    assert await ground.run("ex", "wc", "-c", stdin=big) == (0, "3000000\n", "")
    assert len(await ground.text("ex", "head", "-c", "3000000", "/dev/zero")) == 3_000_000
    script = "stty -echo; echo up; read _; stty size; read _; stty size"
    process = await ground.runtime.exec(NAMESPACE, "ex", None, ["sh", "-c", script], stdin=True, tty=True)
    out = b""
    for said, size in ((b"up\r\n", (100, 40)), (b"40 100\r\n", (80, 25))):
        while not out.endswith(said):
            piece = await process.read_stdout()
            assert piece, out
            out += piece
        await process.resize(*size)
        await process.write_stdin(b"\n")
    while piece := await process.read_stdout():
        out += piece
    assert out == b"up\r\n40 100\r\n25 80\r\n", out
    assert await process.wait() == 0
    for tty in (False, True):
        process = await ground.runtime.exec(NAMESPACE, "ex", None, ["nothing-of-that-name"], stdin=False, tty=tty)
        assert await asyncio.gather(process.read_stdout(), process.read_stderr()) == [b"", b""]
        try:
            raise AssertionError(f"it ran, and ended with {await process.wait()}")
        except ContainerError as problem:
            assert "nothing-of-that-name" in str(problem), problem
    # An exec that failed must not keep the container from ending.
    await ground.drop("ex")


async def exec_carries_five_thousand_frames_a_second(ground: Ground) -> None:
    """Lines sent to an exec'd process come back at 5,000 a second or more."""
    await ground.make("fast")
    await ground.ready("fast")
    process = await ground.runtime.exec(NAMESPACE, "fast", None, ["cat"], stdin=True, tty=False)
    frame, count, got = b'{"id": 1, "do": "tcp", "host": "10.244.0.5", "port": 80}\n', 20_000, 0
    began = time.monotonic()

    async def send() -> None:
        for _ in range(count // 100):
            await process.write_stdin(frame * 100)

    sending = asyncio.create_task(send())
    while got < count * len(frame):
        got += len(await process.read_stdout())
    rate = count / (time.monotonic() - began)
    await sending
    await process.close_stdin()
    assert await process.wait() == 0
    assert rate >= 5_000, rate
    await ground.drop("fast")


async def a_killed_exec_is_gone(ground: Ground) -> None:
    """Killing an exec ends the process inside the container."""
    await ground.make("kill")
    await ground.ready("kill")
    process = await ground.runtime.exec(NAMESPACE, "kill", None, ["sleep", "4321"], stdin=True, tty=False)

    async def runs() -> bool:
        return "sleep 4321" in await ground.text("kill", *LIST)

    await ground.until(runs, "the process inside")
    await process.kill()
    assert await process.wait() == 128 + signal.SIGKILL

    async def ended() -> bool:
        return "sleep 4321" not in await ground.text("kill", *LIST)

    await ground.until(ended, "its end")
    await ground.drop("kill")


async def logs_are_kept_and_followed(ground: Ground) -> None:
    """Logs hold both streams, may be tailed, followed to the end, and asked of the previous container."""
    script = "echo one; echo two >&2; sleep 0.2; echo three"
    await ground.make("talk", sleeper(command=["sh", "-c", script]), restartPolicy="Never")

    async def begun() -> bool:
        return "one" in await safe(ground.log("talk"))

    await ground.until(begun, "the first line")
    assert await ground.log("talk", follow=True) == "one\ntwo\nthree\n"
    assert await ground.log("talk", tail_lines=1) == "three\n"
    assert await ground.log("talk", limit_bytes=5) == "one\nt"
    assert (await ground.log("talk", timestamps=True, tail_lines=1)).endswith("Z three\n")
    await ground.make("again", sleeper(command=["sh", "-c", "echo $$ $(date +%N); test -e /mem/x && sleep 9; >/mem/x"],
                                       volumeMounts=[{"name": "m", "mountPath": "/mem"}]),
                      volumes=[{"name": "m", "emptyDir": {}}])  # fmt: skip

    async def restarted() -> bool:
        status = status_of(await ground.pod("again"))
        return status.get("restartCount") == 1 and "running" in status["state"]

    await ground.until(restarted, "a restart")
    assert await ground.log("again", previous=True)
    assert await ground.log("again", previous=True) != await ground.log("again")
    await ground.drop("talk", "again")


async def safe(asked: Awaitable[str]) -> str:
    """The log, or nothing while there is none."""
    try:
        return await asked
    except ApiError:
        return ""


async def readiness_follows_the_server(ground: Ground) -> None:
    """A pod is ready when its HTTP probe succeeds, unready again when it fails, without a restart."""
    serve = "cd /tmp; mkdir w; touch w/ok; trap 'exit 0' TERM; python3 -m http.server 8080 -d w & wait"
    probe = {"httpGet": {"port": "web", "path": "/ok"}, "periodSeconds": 1, "failureThreshold": 1}
    ports = [{"name": "web", "containerPort": 8080}]
    await ground.make("flap", sleeper(command=["sh", "-c", serve], ports=ports, readinessProbe=probe))
    await ground.ready("flap")
    await ground.text("flap", "rm", "/tmp/w/ok")

    async def unready() -> bool:
        return not status_of(await ground.pod("flap"))["ready"]

    await ground.until(unready, "unready")
    await ground.text("flap", "touch", "/tmp/w/ok")
    pod = (await ground.ready("flap"))[0]
    assert status_of(pod)["restartCount"] == 0
    await ground.drop("flap")


async def liveness_restarts_and_startup_protects(ground: Ground) -> None:
    """A failed liveness probe restarts the container; before the startup probe succeeds it is not asked."""
    live = {"exec": {"command": ["test", "-e", "/tmp/live"]}, "periodSeconds": 1, "failureThreshold": 1}
    start = {"exec": {"command": ["test", "-e", "/tmp/up"]}, "periodSeconds": 1, "failureThreshold": 30}
    await ground.make("alive", sleeper(livenessProbe=live, startupProbe=start))

    async def running() -> bool:
        return "running" in status_of(await ground.pod("alive")).get("state", {})

    await ground.until(running, "running")
    await asyncio.sleep(1.5)
    status = status_of(await ground.pod("alive"))
    assert (status["restartCount"], status["started"], status["ready"]) == (0, False, False), status
    await ground.text("alive", "touch", "/tmp/up")

    async def restarted() -> bool:
        return status_of(await ground.pod("alive"))["restartCount"] == 1

    await ground.until(restarted, "a restart by liveness")
    await ground.drop("alive")


async def termination_is_graceful(ground: Ground) -> None:
    """postStart runs first; at the end preStop, then SIGTERM; the pod stays in the API until its process has ended."""
    script = "trap 'echo term; sleep 0.5; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    hook = {
        "postStart": {"exec": {"command": ["sh", "-c", "echo hello > /proc/1/fd/1"]}},
        "preStop": {"exec": {"command": ["sh", "-c", "echo stop > /proc/1/fd/1; sleep 0.3"]}},
    }
    await ground.make("kind", sleeper(command=["sh", "-c", script], lifecycle=hook), terminationGracePeriodSeconds=10)
    await ground.ready("kind")
    worker = ground.kubelets[ground.nodes[0]].worker(NAMESPACE, "kind")
    assert worker is not None
    log = worker.main[0].log
    assert log is not None

    async def listening() -> bool:
        return b"up\n" in [line.data for line in log.lines()]

    # A first process that has not come to its trap yet is deaf to SIGTERM.
    await ground.until(listening, "the trap is set")
    began = time.monotonic()
    await ground.api.delete("pods", "kind", namespace=NAMESPACE)
    pod = await ground.pod("kind")
    assert pod["metadata"]["deletionTimestamp"]
    await ground.gone("kind")
    took, said = time.monotonic() - began, [line.data for line in log.lines()]
    assert 0.7 < took < 9, (took, said)
    assert [line for line in said if line != b"up\n"] == [b"hello\n", b"stop\n", b"term\n"]


async def a_stubborn_pod_is_killed(ground: Ground) -> None:
    """A process that ignores SIGTERM is killed when its grace is over, sooner when a second deletion says so."""
    await ground.make("mule", sleeper(command=["sleep", "1000"]), terminationGracePeriodSeconds=1)
    await ground.make("ox", sleeper(command=["sleep", "1000"]), terminationGracePeriodSeconds=600)
    await ground.ready("mule", "ox")
    began = time.monotonic()
    await ground.api.delete("pods", "mule", namespace=NAMESPACE)
    await ground.gone("mule")
    assert time.monotonic() - began >= 1.0
    await ground.api.delete("pods", "ox", namespace=NAMESPACE)
    await asyncio.sleep(0.2)
    assert await ground.pod("ox")
    await ground.api.delete("pods", "ox", namespace=NAMESPACE, grace=1)
    await ground.gone("ox")


async def a_forced_deletion_leaves_nothing_running(ground: Ground) -> None:
    """A pod whose object is gone at once is stopped by its node, and its address is given back."""
    await ground.make("force", sleeper(command=["sleep", "1000"]))
    pod = (await ground.ready("force"))[0]
    await ground.api.delete("pods", "force", namespace=NAMESPACE, grace=0)
    assert not await ground.pod("force")
    uid = pod["metadata"]["uid"]

    async def swept() -> bool:
        return (
            not Path(f"/run/netns/pod-{uid}").exists()
            and ground.kubelets[ground.nodes[0]].worker(NAMESPACE, "force") is None
        )

    await ground.until(swept, "its end on the node")
    leases = Path(f"/run/harness/nodes/{ground.nodes[0]}/ipam/pods")
    assert pod["status"]["podIP"] not in {one.name for one in leases.iterdir()}


async def volumes_are_filled_and_kept_fresh(ground: Ground) -> None:
    """configMap, token, downward and shared volumes are there; a changed ConfigMap reaches the running container."""
    config = {"metadata": {"name": "cfg"}, "data": {"colour": "red"}}
    await ground.api.create("configmaps", config, namespace=NAMESPACE)
    fields = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
    volumes = [
        {"name": "cfg", "configMap": {"name": "cfg"}},
        {"name": "info", "downwardAPI": {"items": fields}},
        {"name": "share", "emptyDir": {}},
    ]
    mounts = [{"name": name, "mountPath": f"/{name}"} for name in ("cfg", "info", "share")]
    env = [
        {"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "cfg", "key": "colour"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    ]
    two = (sleeper("a", volumeMounts=mounts, env=env), sleeper("b", volumeMounts=mounts))
    await ground.make("vol", *two, volumes=volumes, labels={"app": "v"}, securityContext={"fsGroup": 77})
    pod = (await ground.ready("vol"))[0]
    assert await ground.text("vol", "cat", "/cfg/colour") == "red"
    assert await ground.text("vol", "cat", "/info/labels") == 'app="v"'
    assert await ground.text("vol", "sh", "-c", "echo $COLOUR $IP") == f"red {pod['status']['podIP']}\n"
    await ground.text("vol", "sh", "-c", "echo hi > /share/x; echo mem > /dev/shm/y", container="a")
    assert await ground.text("vol", "cat", "/share/x", "/dev/shm/y", container="b") == "hi\nmem\n"
    assert await ground.text("vol", "stat", "-c", "%g", "/share/x") == "77\n"
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    assert (
        await ground.text("vol", "sh", "-c", f"cat {account}/token {account}/namespace")
        == f"token of shop/default{NAMESPACE}"
    )
    await ground.api.patch("configmaps", "cfg", {"data": {"colour": "blue"}}, namespace=NAMESPACE)

    async def fresh() -> bool:
        return await ground.text("vol", "cat", "/cfg/colour") == "blue"

    await ground.until(fresh, "the changed ConfigMap")
    await ground.drop("vol")


async def a_pod_whose_worker_failed_is_synced_again(ground: Ground) -> None:
    """Whatever a kubelet stumbles over, the pod says so, is begun anew, runs, and can be deleted."""
    written, write = 0, volumes.write

    def stumbling(*args: Any, **how: Any) -> None:
        nonlocal written
        written += 1
        if written == 1:
            raise FileExistsError("stumbled")
        write(*args, **how)

    await ground.api.create("configmaps", {"metadata": {"name": "once"}, "data": {"k": "v"}}, namespace=NAMESPACE)
    volumes.write = stumbling
    try:
        await ground.make("again2", volumes=[{"name": "once", "configMap": {"name": "once"}}])
        await ground.ready("again2")
    finally:
        volumes.write = write
    events = (await ground.api.list("events", namespace=NAMESPACE))[0]
    assert [one["message"] for one in events if one["reason"] == "FailedSync"] == ["error syncing pod: stumbled"]
    await ground.drop("again2")


async def a_missing_config_map_holds_the_pod_back(ground: Ground) -> None:
    """A pod waits for its ConfigMap, says so in an event, and starts when it comes."""
    mounts = [{"name": "late", "mountPath": "/late"}]
    await ground.make(
        "patient", sleeper(volumeMounts=mounts), volumes=[{"name": "late", "configMap": {"name": "late"}}]
    )

    async def told() -> bool:
        return any(one["reason"] == "FailedMount" for one in (await ground.api.list("events", namespace=NAMESPACE))[0])

    await ground.until(told, "a FailedMount event")
    await ground.api.create("configmaps", {"metadata": {"name": "late"}, "data": {"k": "v"}}, namespace=NAMESPACE)
    await ground.ready("patient")
    assert await ground.text("patient", "cat", "/late/k") == "v"
    await ground.drop("patient")


async def the_restricted_profile_can_serve_and_ping(ground: Ground) -> None:
    """A pod without root, capabilities or writable root binds port 80 and pings, by its own sysctls."""
    own = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    sysctls = [
        {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"},
        {"name": "net.ipv4.ping_group_range", "value": "0 2147483647"},
    ]
    await ground.make("tight", server(port=80, securityContext=own), securityContext={"sysctls": sysctls}, node=2)
    await ground.make("free", server(), node=0)
    tight, free = await ground.ready("tight", "free")
    assert (await ground.fetch("free", url(tight["status"]["podIP"], port=80))).startswith("tight ")
    status = await ground.text("tight", "cat", "/proc/self/status")
    assert "NoNewPrivs:\t1" in status
    assert "CapBnd:\t0000000000000000" in status
    assert "Uid:\t65534" in status
    assert (await ground.run("tight", "touch", "/x"))[0] != 0
    ping = (
        "import socket,sys;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM,socket.IPPROTO_ICMP);s.settimeout(2);"
        "s.sendto(bytes([8,0,0,0,0,0,0,1]),(sys.argv[1],0));print(s.recv(99)[0])"
    )
    assert await ground.text("tight", "python3", "-c", ping, free["status"]["podIP"]) == "0\n"
    await ground.drop("tight", "free")


async def nothing_of_the_machine_can_be_changed(ground: Ground) -> None:
    """A container sees the machine's /usr read-only and nothing else of it: no cgroups, no home, no other process."""
    await ground.make("guest")
    await ground.ready("guest")
    assert (await ground.run("guest", "touch", "/usr/x"))[0] != 0
    assert (
        await ground.text("guest", "ls", "-A", "/sys/fs/cgroup", "/home", "/root")
        == "/home:\n\n/root:\n\n/sys/fs/cgroup:\n"
    )
    assert (
        await ground.text("guest", "ls", "/usr/local", "/usr/local/bin")
        == "/usr/local:\nbin\n\n/usr/local/bin:\npython\npython3\n"
    )
    processes = (await ground.text("guest", "sh", "-c", "echo /proc/[0-9]*")).split()
    assert len(processes) <= 5, processes
    await ground.drop("guest")


async def an_unknown_image_is_not_pulled(ground: Ground) -> None:
    """A pod with another image waits with ErrImagePull, then ImagePullBackOff, and can be deleted."""
    _, version = await ground.api.list("pods", namespace=NAMESPACE)
    await ground.make("alien", sleeper(image="example.com/alien:1"))
    reasons: list[str] = []
    async with asyncio.timeout(LIMIT), aclosing(ground.api.watch("pods", since=version)) as events:  # type: ignore[type-var]
        async for event in events:
            if event["object"]["metadata"]["name"] == "alien":
                waiting = status_of(event["object"]).get("state", {}).get("waiting", {})
                reasons.append(waiting.get("reason", ""))
            if reasons[-1:] == ["ImagePullBackOff"]:
                break
    assert "ErrImagePull" in reasons
    assert (await ground.pod("alien"))["status"]["phase"] == "Pending"
    await ground.drop("alien")


async def restart_policies_are_kept(ground: Ground) -> None:
    """Never ends in Succeeded or Failed with the exit code and message; Always runs again; a bad command is told."""
    await ground.make("good", sleeper(command=["true"]), restartPolicy="Never")
    note = "echo why > /dev/termination-log; exit 4"
    await ground.make("bad", sleeper(command=["sh", "-c", note]), restartPolicy="Never")
    await ground.make("loop", sleeper(command=["false"]))
    await ground.make("typo", sleeper(command=["no-such-program"]), restartPolicy="Never")

    async def settled() -> bool:
        phases = [(await ground.pod(name)).get("status", {}).get("phase") for name in ("good", "bad", "typo")]
        waiting = status_of(await ground.pod("loop")).get("state", {}).get("waiting", {})
        return phases == ["Succeeded", "Failed", "Failed"] and waiting.get("reason") == "CrashLoopBackOff"

    await ground.until(settled, "all ends")
    ended = status_of(await ground.pod("bad"))["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (4, "Error", "why\n")
    assert status_of(await ground.pod("typo"))["state"]["terminated"]["reason"] == "StartError"
    loop = status_of(await ground.pod("loop"))
    assert loop["restartCount"] >= 1
    assert loop["lastState"]["terminated"]["exitCode"] == 1
    await ground.drop("good", "bad", "loop", "typo")


async def init_containers_go_first(ground: Ground) -> None:
    """Init containers run one after the other before the others; a sidecar stays beside them."""
    mounts = [{"name": "m", "mountPath": "/m"}]

    def step(name: str, script: str, **more: Any) -> dict[str, Any]:
        return sleeper(name, command=["sh", "-c", script], volumeMounts=mounts, **more)

    stay = "trap 'exit 0' TERM; echo side >> /m/order; while :; do sleep 0.05; done"
    init = [
        step("one", "sleep 0.2; echo one >> /m/order"),
        step("side", stay, restartPolicy="Always"),
        step("two", "echo two >> /m/order"),
    ]
    await ground.make(
        "first", sleeper(volumeMounts=mounts), initContainers=init, volumes=[{"name": "m", "emptyDir": {}}]
    )
    pod = (await ground.ready("first"))[0]
    order = (await ground.text("first", "cat", "/m/order")).split()
    assert order[0] == "one"
    assert sorted(order) == ["one", "side", "two"]
    states = [next(iter(one["state"])) for one in pod["status"]["initContainerStatuses"]]
    assert states == ["terminated", "running", "terminated"]
    await ground.drop("first")


async def nodes_are_registered_and_beat(ground: Ground) -> None:
    """Each node is in the API, Ready, with its pod networks, and renews a Lease of its own."""
    for plan in ground.plans:
        node = await ground.api.get("nodes", plan.name)
        assert node["spec"]["podCIDRs"] == list(plan.pod_cidrs)
        assert {one["type"]: one["status"] for one in node["status"]["conditions"]}["Ready"] == "True"
        lease = await ground.api.get("leases.coordination.k8s.io", plan.name, namespace="kube-node-lease")
        assert lease["spec"]["holderIdentity"] == plan.name


async def stopping_leaves_nothing(ground: Ground) -> None:
    """After an orderly stop nodes are not ready, and no namespace, link, mount or container process is left."""
    await ground.make("last")
    await ground.ready("last")
    await ground.stop()
    for name in ground.nodes:
        conditions = (await ground.api.get("nodes", name))["status"]["conditions"]
        assert {one["type"]: one["status"] for one in conditions}["Ready"] == "False"
    assert list(Path("/run/netns").iterdir()) == []
    assert [line.split(":")[1].strip() for line in run(["ip", "-o", "link"]).text.splitlines()] == ["lo"]
    assert "/run/netns/" not in Path("/proc/self/mounts").read_text()
    children = [Path(f"/proc/{pid}/stat") for pid in Path("/proc/self/task/1/children").read_text().split()]
    assert [one for one in children if one.exists() and ") Z " not in one.read_text()] == []


SCENARIOS = (
    nodes_are_registered_and_beat,
    nine_pods_reach_each_other,
    status_is_whole,
    resolver_files_are_as_recorded,
    exec_passes_streams_and_exit_codes,
    exec_carries_five_thousand_frames_a_second,
    a_killed_exec_is_gone,
    logs_are_kept_and_followed,
    readiness_follows_the_server,
    liveness_restarts_and_startup_protects,
    termination_is_graceful,
    a_stubborn_pod_is_killed,
    a_forced_deletion_leaves_nothing_running,
    volumes_are_filled_and_kept_fresh,
    a_pod_whose_worker_failed_is_synced_again,
    a_missing_config_map_holds_the_pod_back,
    the_restricted_profile_can_serve_and_ping,
    nothing_of_the_machine_can_be_changed,
    an_unknown_image_is_not_pulled,
    restart_policies_are_kept,
    init_containers_go_first,
    fault_of_a_wrong_nameserver,
    fault_of_stale_neighbours,
    fault_of_a_black_hole,
    fault_of_masquerading_all,
    stopping_leaves_nothing,
)
"""In this order; the last one takes the ground down."""
