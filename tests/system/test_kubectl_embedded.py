"""kubectl on a whole embedded cluster: what a user does first. Needs root and namespaces; skips with the reason."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.clusters.embedded import EmbeddedCluster, Settings, refusal
from harness.effects.clock import RealClock
from harness.effects.run import Completed, run
from harness.expect.converge import converge

pytestmark = [
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed"),
    pytest.mark.skipif(refusal() is not None, reason=str(refusal())),
]

WEB = """
apiVersion: v1
kind: Namespace
metadata: {name: demo}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: demo}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: c
        image: "python:3"
        command: [python3, -u, -m, http.server, "8080"]
        readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: demo}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""
DATABASE = """
apiVersion: v1
kind: Service
metadata: {name: db, namespace: demo}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: demo}
spec:
  replicas: 2
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: c, image: "python:3", command: [sleep, "1000"]}]
"""
AGENT = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: demo}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      tolerations: [{operator: Exists}]
      terminationGracePeriodSeconds: 0
      containers: [{name: c, image: "python:3", command: [sleep, "1000"]}]
"""
FETCH = "import urllib.request; print(urllib.request.urlopen('http://web', timeout=5).status)"
RESOLVE = "import socket; print(socket.gethostbyname('db-1.db.demo.svc.cluster.local'))"

SECONDS = 90.0
"""For what takes about one, on a machine with much else to do."""
SOON = f"--timeout={SECONDS:g}s"

Kubectl = Callable[..., Completed]


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    directory: Path = tmp_path_factory.mktemp("embedded")
    cluster = EmbeddedCluster(Settings(name="kubectl-test"))
    try:
        access = cluster.create()
        (directory / "kubeconfig").write_text(json.dumps(access.kubeconfig))

        def call(*args: str, stdin: str = "", check: bool = True) -> Completed:
            argv = ["kubectl", f"--kubeconfig={directory}/kubeconfig", f"--cache-dir={directory}/cache", *args]
            env = {"PATH": os.environ["PATH"], "HOME": str(directory)}
            return run(argv, stdin=stdin.encode(), timeout=2 * SECONDS, check=check, env=env)

        yield call
    finally:
        cluster.destroy()


@pytest.fixture(scope="module")
def pod(kubectl: Kubectl) -> str:
    """A running pod of an applied Deployment."""
    kubectl("apply", "-f", "-", stdin=WEB)
    kubectl("-n", "demo", "rollout", "status", "deployment/web", SOON)
    kubectl("-n", "demo", "wait", "--for=condition=Ready", "pod", "-l", "app=web", SOON)
    return kubectl("-n", "demo", "get", "pods", "-l", "app=web", "-o", "name").text.split()[0]


def answered(kubectl: Kubectl, pod: str, program: str, answer: str) -> None:
    """The program in the pod comes to say this: DNS and Service rules follow a pod's readiness, and only then."""
    says(kubectl, "exec", pod, "--", "python3", "-c", program, good=lambda said: said.strip() == answer)


def says(kubectl: Kubectl, *args: str, good: Callable[[str], bool]) -> None:
    """The command comes to say what is good: endpoints, events and logs follow what they are about."""

    def look() -> str:
        done = kubectl("-n", "demo", *args, check=False)
        return done.text or done.err.decode(errors="replace")

    converge(look, good, clock=RealClock(), within=SECONDS, what=f"kubectl {' '.join(args)}")


def test_nodes_are_ready(kubectl):
    """Three nodes, Ready, with their versions and addresses."""
    rows = [line.split() for line in kubectl("get", "nodes", "--no-headers", "-o", "wide").text.splitlines()]
    assert [row[1] for row in rows] == ["Ready"] * 3
    assert all(row[5].startswith("172.18.0.") for row in rows)


def test_an_applied_deployment_serves_by_name(kubectl, pod):
    """What `apply` made answers a pod that asks for the Service by its name."""
    answered(kubectl, pod, FETCH, "200")


def test_exec_carries_input_output_and_the_exit_code(kubectl, pod):
    """Input reaches the container, output and exit code come back."""
    done = kubectl("-n", "demo", "exec", "-i", pod, "--", "sh", "-c", "cat; exit 5", stdin="abc\n", check=False)
    assert (done.code, done.text) == (5, "abc\n")


def test_logs_show_what_the_container_said(kubectl, pod):
    """The log has the server's first line."""
    says(kubectl, "logs", pod, good=lambda said: "Serving HTTP" in said)


def test_describe_tells_the_pods_story(kubectl, pod):
    """`describe` shows the node, the address and the kubelet's events."""
    wanted = ("Started container c", "Node:", "10.244.")
    says(kubectl, "describe", pod, good=lambda said: all(one in said for one in wanted))


def test_scaling_is_followed(kubectl, pod):
    """`scale` and `wait` see the Deployment grow."""
    kubectl("-n", "demo", "scale", "deployment/web", "--replicas=3")
    kubectl("-n", "demo", "wait", "--for=jsonpath={.status.readyReplicas}=3", "deployment/web", SOON)
    assert len(kubectl("-n", "demo", "get", "pods", "-l", "app=web", "-o", "name").text.split()) == 3


def test_an_unreachable_pod_is_explained(kubectl, pod):
    """An image that does not exist shows as such in `get`."""
    kubectl("-n", "demo", "run", "nothing", "--image=example.com/no/such:1")
    reason = "{.status.containerStatuses[0].state.waiting.reason}"
    kubectl("-n", "demo", "wait", f"--for=jsonpath={reason}=ImagePullBackOff", "pod/nothing", SOON)
    says(kubectl, "describe", "pod", "nothing", good=lambda said: "no/such:1" in said)


def test_a_stateful_set_is_rolled_out_by_name(kubectl, pod):
    """Its pods come one after the other, answer by their own names, and are replaced and taken away from the top."""
    kubectl("apply", "-f", "-", stdin=DATABASE)
    kubectl("-n", "demo", "rollout", "status", "statefulset/db", SOON)
    address = kubectl("-n", "demo", "get", "pod", "db-1", "-o", "jsonpath={.status.podIP}").text
    answered(kubectl, "db-0", RESOLVE, address)
    kubectl("-n", "demo", "rollout", "restart", "statefulset/db")
    kubectl("-n", "demo", "rollout", "status", "statefulset/db", SOON)
    kubectl("-n", "demo", "scale", "statefulset/db", "--replicas=1")
    kubectl("-n", "demo", "wait", "--for=delete", "pod/db-1", SOON)
    assert kubectl("-n", "demo", "get", "pods", "-l", "app=db", "-o", "name").text.split() == ["pod/db-0"]


def test_a_daemon_set_is_on_every_node_that_takes_it(kubectl, pod):
    """With a toleration that includes the control plane; without one, the workers."""
    kubectl("apply", "-f", "-", stdin=AGENT)
    kubectl("-n", "demo", "rollout", "status", "daemonset/agent", SOON)
    where = kubectl("-n", "demo", "get", "pods", "-l", "app=agent", "-o", "jsonpath={.items[*].spec.nodeName}").text
    nodes = kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}").text
    assert sorted(where.split()) == sorted(nodes.split())


def test_a_job_runs_to_its_end(kubectl, pod):
    """Its pod ends well, and its log is there."""
    kubectl("-n", "demo", "create", "job", "work", "--image=python:3", "--", "echo", "done")
    kubectl("-n", "demo", "wait", "--for=condition=Complete", "job/work", SOON)
    assert kubectl("-n", "demo", "logs", "job/work").text == "done\n"
    assert "Completed" in kubectl("-n", "demo", "get", "pods", "-l", "job-name=work").text


def test_pods_and_services_are_proxied(kubectl, pod):
    """The API server fetches a page of a pod, by the pod and by its Service."""
    for place in (f"pods/{pod.removeprefix('pod/')}:8080", "services/web:80"):
        path = f"/api/v1/namespaces/demo/{place}/proxy/"
        says(kubectl, "get", "--raw", path, good=lambda said: "Directory listing" in said)


def test_delete_removes_everything(kubectl):
    """Deleting what was applied ends with nothing left of it."""
    web = WEB.replace("demo", "leaving")
    kubectl("apply", "-f", "-", stdin=web)
    kubectl("-n", "leaving", "rollout", "status", "deployment/web", SOON)
    kubectl("delete", "-f", "-", SOON, stdin=web)
    kubectl("wait", "--for=delete", "namespace/leaving", SOON)
    assert "leaving" not in kubectl("get", "namespaces,pods,services", "-A").text
