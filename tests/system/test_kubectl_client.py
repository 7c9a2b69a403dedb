"""kubectl against the API server alone: no cluster, no root; exec runs commands on this machine.

Every test has a namespace of its own in one server.
"""

import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.effects.run import Completed, run, start
from tests.system.apiserver_on_loopback import Running

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")

NUMBERS = itertools.count(1)

DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c", "image": "python:3", "ports": [{"containerPort": 80}]}]},
        },
    },
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
}


STATEFUL = {**DEPLOYMENT, "kind": "StatefulSet", "spec": {**DEPLOYMENT["spec"], "serviceName": "web"}}
DAEMON = {
    **DEPLOYMENT,
    "kind": "DaemonSet",
    "spec": {key: value for key, value in DEPLOYMENT["spec"].items() if key != "replicas"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("server")) as started:
        started.call("create", "namespaces", {"metadata": {"name": "default"}})
        yield started


class Kubectl:
    """kubectl in a namespace of its own."""

    def __init__(self, server: Running, directory: Path, namespace: str) -> None:
        self.server, self.namespace, self._directory = server, namespace, directory
        server.call("create", "namespaces", {"metadata": {"name": namespace}})

    def __call__(
        self, *args: str, stdin: object = b"", check: bool = True, kubeconfig: Path | None = None
    ) -> Completed:
        data = stdin if isinstance(stdin, bytes) else json.dumps(stdin).encode()
        command = self._command(kubeconfig or self.server.kubeconfig, "--request-timeout=30s", *args)
        return run(command, stdin=data, timeout=60, check=check, env=self._environment())

    def started(self, *args: str) -> subprocess.Popen[bytes]:
        """kubectl that goes on until it is killed."""
        return start(self._command(self.server.kubeconfig, *args), env=self._environment())

    def _command(self, kubeconfig: Path, *args: str) -> list[str]:
        return [
            "kubectl", f"--kubeconfig={kubeconfig}", f"--namespace={self.namespace}",
            f"--cache-dir={self._directory}/cache", *args,
        ]  # fmt: skip

    def _environment(self) -> dict[str, str]:
        # The machine's own trust settings must not matter: the kubeconfig brings its authority.
        return {"PATH": os.environ["PATH"], "HOME": str(self._directory), "KUBE_EDITOR": "true"}

    def json(self, *args: str) -> dict:
        return json.loads(self("get", *args, "-o", "json").out)

    def pod(self, name: str = "p", **labels: str) -> None:
        """A pod that looks as if it ran."""
        obj = {
            "metadata": {"name": name, "labels": labels},
            "spec": {"containers": [{"name": "c", "image": "python:3"}]},
        }
        obj["spec"]["nodeName"] = "n1"
        self.server.call("create", "pods", obj, namespace=self.namespace)
        self.server.run_pod(self.namespace, name)


@pytest.fixture
def kubectl(server: Running, tmp_path: Path) -> Kubectl:
    return Kubectl(server, tmp_path, f"t{next(NUMBERS)}")


def test_get_prints_the_servers_columns(kubectl):
    """`get` and `get -o wide` show the columns of a real server."""
    kubectl.pod()
    assert kubectl("get", "pods").text.split()[:6] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "p"]
    wide = kubectl("get", "pods", "-o", "wide").text
    assert "10.244.1.5" in wide and "NOMINATED NODE" in wide and "1/1" in wide


def test_get_prints_objects(kubectl):
    """`-o json`, `-o yaml`, `-o name` and `-o jsonpath` show the object itself."""
    kubectl.pod()
    assert kubectl.json("pod", "p")["spec"]["containers"][0]["name"] == "c"
    assert "kind: Pod" in kubectl("get", "pod", "p", "-o", "yaml").text
    assert kubectl("get", "pods", "-o", "name").text == "pod/p\n"
    assert kubectl("get", "pod", "p", "-o", "jsonpath={.status.podIP}").text == "10.244.1.5"


def test_get_selects(kubectl):
    """Label and field selectors choose; `-A` looks everywhere."""
    kubectl.pod("a", app="x")
    kubectl.pod("b", app="y")
    assert kubectl("get", "pods", "-l", "app in (x)", "-o", "name").text == "pod/a\n"
    assert kubectl("get", "pods", "--field-selector=metadata.name=b", "-o", "name").text == "pod/b\n"
    assert kubectl("get", "pods", "-l", "app=none").err.decode().startswith("No resources found")
    assert kubectl.namespace in kubectl("get", "pods", "-A").text


def test_get_pages_through_a_long_list(kubectl):
    """A list longer than a page arrives whole."""
    for number in range(7):
        kubectl.server.call("create", "configmaps", {"metadata": {"name": f"c{number}"}}, namespace=kubectl.namespace)
    assert len(kubectl("get", "configmaps", "--chunk-size=2", "-o", "name").text.split()) == 7


def test_get_watches(kubectl):
    """`get -w` prints what is there and then what changes."""
    kubectl.pod("a")
    with kubectl.started("get", "pods", "-w", "--no-headers") as watching:
        try:
            assert watching.stdout is not None
            assert watching.stdout.readline().split()[:2] == [b"a", b"1/1"]
            kubectl.pod("b")
            assert watching.stdout.readline().split()[0] == b"b"
        finally:
            watching.kill()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("pod", "IP:"),
        ("service", "Endpoints:"),
        ("deployment", "Replicas:"),
        ("node", "Roles:"),
        ("namespace", "Status:"),
    ],
)
def test_describe_describes(kubectl, kind, expected):
    """`describe` gets everything it asks for."""
    kubectl.pod("web")
    kubectl("apply", "-f", "-", stdin=SERVICE)
    kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    if not kubectl("get", "nodes", "-o", "name").text:
        kubectl.server.call("create", "nodes", {"metadata": {"name": "n1"}})
    name = {"node": "n1", "namespace": kubectl.namespace}.get(kind, "web")
    assert expected in kubectl("describe", kind, name).text


def test_create_makes_things_from_the_command_line(kubectl):
    """The typed create commands, which speak protobuf, are understood."""
    kubectl("create", "configmap", "c", "--from-literal=a=1")
    kubectl("create", "secret", "generic", "s", "--from-literal=k=v")
    kubectl("create", "serviceaccount", "sa")
    kubectl("create", "service", "clusterip", "svc", "--tcp=80:8080")
    kubectl("create", "deployment", "d", "--image=python:3", "--replicas=3", "--port=80", "--", "sleep", "1")
    assert kubectl.json("configmap", "c")["data"] == {"a": "1"}
    assert kubectl.json("secret", "s")["data"] == {"k": "dg=="}
    assert kubectl.json("service", "svc")["spec"]["ports"][0]["targetPort"] == 8080
    deployment = kubectl.json("deployment", "d")["spec"]
    assert (deployment["replicas"], deployment["template"]["spec"]["containers"][0]["command"]) == (3, ["sleep", "1"])
    assert kubectl("create", "token", "sa").text.count(".") == 2


def test_create_makes_a_namespace_once(kubectl):
    """A second creation is refused with the server's words."""
    kubectl("create", "namespace", f"{kubectl.namespace}-more")
    again = kubectl("create", "namespace", f"{kubectl.namespace}-more", check=False)
    assert again.code == 1 and "already exists" in again.err.decode()


def test_create_validates(kubectl):
    """A mistyped field is an error on the server's side, not silence."""
    wrong = {**SERVICE, "spec": {**SERVICE["spec"], "fooBar": 1}}
    refused = kubectl("create", "-f", "-", stdin=wrong, check=False)
    assert refused.code == 1 and 'unknown field "spec.fooBar"' in refused.err.decode()


def test_apply_creates_changes_and_leaves_alone(kubectl):
    """Client-side apply: created, unchanged, configured; what was removed from the file is removed."""
    both = {"apiVersion": "v1", "kind": "List", "items": [SERVICE, DEPLOYMENT]}
    assert kubectl("apply", "-f", "-", stdin=both).text.count("created") == 2
    assert kubectl("apply", "-f", "-", stdin=both).text.count("unchanged") == 2
    more = [*SERVICE["spec"]["ports"], {"name": "dns", "port": 53, "protocol": "UDP"}]
    grown = {**SERVICE, "spec": {**SERVICE["spec"], "ports": more}}
    assert "configured" in kubectl("apply", "-f", "-", stdin=grown).text
    assert [port["port"] for port in kubectl.json("service", "web")["spec"]["ports"]] == [80, 53]
    kubectl("apply", "-f", "-", stdin=SERVICE)
    assert [port["port"] for port in kubectl.json("service", "web")["spec"]["ports"]] == [80]


def test_apply_on_the_server_owns_its_fields(kubectl):
    """Server-side apply: a second manager conflicts, and takes over by force."""
    assert "serverside-applied" in kubectl("apply", "--server-side", "-f", "-", stdin=DEPLOYMENT).text
    scaled = {**DEPLOYMENT, "spec": {**DEPLOYMENT["spec"], "replicas": 5}}
    other = ("apply", "--server-side", "--field-manager=other", "-f", "-")
    refused = kubectl(*other, stdin=scaled, check=False)
    assert refused.code == 1 and ".spec.replicas" in refused.err.decode()
    kubectl(*other, "--force-conflicts", stdin=scaled)
    assert kubectl.json("deployment", "web")["spec"]["replicas"] == 5


def test_dry_runs_change_nothing(kubectl):
    """A dry run on the server answers as if, and leaves no trace."""
    assert "created (server dry run)" in kubectl("apply", "--dry-run=server", "-f", "-", stdin=SERVICE).text
    assert kubectl("get", "service", "web", check=False).code == 1


def test_diff_shows_what_would_change(kubectl):
    """`diff` is empty when nothing would change, and shows the line when something would."""
    kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    assert kubectl("diff", "-f", "-", stdin=DEPLOYMENT).text == ""
    scaled = {**DEPLOYMENT, "spec": {**DEPLOYMENT["spec"], "replicas": 7}}
    changed = kubectl("diff", "-f", "-", stdin=scaled, check=False)
    assert changed.code == 1 and "+  replicas: 7" in changed.text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("merge", '{"spec":{"replicas":4}}'),
        ("strategic", '{"spec":{"replicas":4,"template":{"spec":{"containers":[{"name":"c","tty":true}]}}}}'),
        ("json", '[{"op":"replace","path":"/spec/replicas","value":4}]'),
    ],
)
def test_patch_patches(kubectl, kind, body):
    """Each type of patch is carried out."""
    kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    kubectl("patch", "deployment", "web", f"--type={kind}", "-p", body)
    spec = kubectl.json("deployment", "web")["spec"]
    assert spec["replicas"] == 4 and spec["template"]["spec"]["containers"][0]["image"] == "python:3"


def test_replace_replaces(kubectl):
    """`replace` puts the whole object, as `edit` does for kinds it cannot merge."""
    kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    obj = kubectl.json("deployment", "web")
    obj["spec"]["replicas"] = 9
    kubectl("replace", "-f", "-", stdin=obj)
    assert kubectl.json("deployment", "web")["spec"]["replicas"] == 9


def test_labels_and_annotations_are_set_and_removed(kubectl):
    """`label` and `annotate` add, refuse to overwrite unasked, and remove."""
    kubectl.pod()
    kubectl("label", "pod", "p", "a=1")
    kubectl("annotate", "pod", "p", "note=x")
    assert kubectl("label", "pod", "p", "a=2", check=False).code == 1
    kubectl("label", "pod", "p", "a=2", "--overwrite")
    metadata = kubectl.json("pod", "p")["metadata"]
    assert (metadata["labels"], metadata["annotations"]) == ({"a": "2"}, {"note": "x"})
    kubectl("label", "pod", "p", "a-")
    assert "labels" not in kubectl.json("pod", "p")["metadata"]


def test_scale_scales(kubectl):
    """`scale` goes through the scale subresource, with its precondition."""
    kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    kubectl("scale", "deployment", "web", "--replicas=6")
    assert kubectl.json("deployment", "web")["spec"]["replicas"] == 6
    assert kubectl("scale", "deployment", "web", "--replicas=1", "--current-replicas=2", check=False).code == 1


def test_delete_deletes(kubectl):
    """`delete` by name, by selector and with everything waits until it is gone."""
    for name in ("a", "b", "c"):
        body = {"metadata": {"name": name, "labels": {"app": name}}}
        kubectl.server.call("create", "configmaps", body, namespace=kubectl.namespace)
    kubectl("delete", "configmap", "a")
    kubectl("delete", "configmap", "-l", "app=b")
    assert kubectl("get", "configmaps", "-o", "name").text == "configmap/c\n"
    kubectl("delete", "configmap", "--all")
    assert kubectl("get", "configmaps", "-o", "name").text == ""
    assert "NotFound" in kubectl("delete", "configmap", "a", check=False).err.decode()


def test_wait_waits(kubectl):
    """`wait` is content when the condition holds, and says so when it does not come."""
    kubectl.pod()
    kubectl("wait", "--for=condition=Ready", "pod/p", "--timeout=30s")
    kubectl("wait", "--for=jsonpath={.status.phase}=Running", "pod/p", "--timeout=30s")
    assert kubectl("wait", "--for=delete", "pod/p", "--timeout=1s", check=False).code == 1


def test_rollout_status_reads_the_deployment(kubectl):
    """`rollout status` is content when all replicas are up to date, `rollout restart` asks for new ones."""
    kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    obj = kubectl.json("deployment", "web")
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 2)
    status = {"observedGeneration": obj["metadata"].get("generation", 1), **counts}
    where = {"namespace": kubectl.namespace, "subresource": "status"}
    kubectl.server.call("update", "deployments.apps", "web", {**obj, "status": status}, **where)
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", "--timeout=30s").text
    kubectl("rollout", "restart", "deployment/web")
    assert "restartedAt" in json.dumps(kubectl.json("deployment", "web")["spec"]["template"]["metadata"])


def test_exec_carries_output_errors_and_exit_codes(kubectl):
    """Both outputs arrive apart, and the exit code is the command's."""
    kubectl.pod()
    done = kubectl("exec", "p", "--", "sh", "-c", "echo out; echo err >&2; exit 3", check=False)
    assert (done.code, done.text) == (3, "out\n")
    assert done.err.decode().startswith("err\n")


def test_exec_carries_input(kubectl):
    """Input arrives whole, and its end ends the command."""
    kubectl.pod()
    data = os.urandom(1 << 20)
    assert kubectl("exec", "-i", "p", "--", "cat", stdin=data).out == data


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("nope", "--", "ls"), 'pods "nope" not found'),
        (("p", "-c", "z", "--", "ls"), "container z is not valid"),
        (("p", "--", "/no/such/thing"), "error executing command"),
    ],
)
def test_exec_says_why_it_cannot(kubectl, args, text):
    """A pod, a container or a command that is not there is named."""
    kubectl.pod()
    refused = kubectl("exec", *args, check=False)
    assert refused.code != 0 and text in refused.err.decode()


def test_logs_are_printed_and_followed(kubectl):
    """`logs`, `--tail` and `-f` until the log ends."""
    kubectl.pod()
    kubectl.server.runtime.lines[kubectl.namespace, "p"] = [b"one\n", b"two\n", b""]
    assert kubectl("logs", "p").text == "one\ntwo\n"
    assert kubectl("logs", "p", "--tail=2").text == "two\n"
    assert kubectl("logs", "-f", "p").text == "one\ntwo\n"


def test_stateful_sets_are_applied_scaled_and_followed(kubectl):
    """`apply`, `get`, `scale`, and `rollout status` by what the status says."""
    kubectl("apply", "-f", "-", stdin=STATEFUL)
    assert kubectl("get", "sts", "--no-headers").text.split()[:2] == ["web", "0/2"]
    assert kubectl("scale", "statefulset/web", "--replicas=3").text == "statefulset.apps/web scaled\n"
    item = kubectl.json("statefulset", "web")
    assert (item["spec"]["replicas"], item["metadata"]["generation"]) == (3, 2)
    told = {"observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "updatedReplicas": 3}
    item["status"] |= told | {"currentRevision": "web-1", "updateRevision": "web-1"}
    kubectl.server.call("update", "statefulsets.apps", "web", item, namespace=kubectl.namespace, subresource="status")
    assert "roll out complete: 3 new pods" in kubectl("rollout", "status", "sts/web", "--timeout=30s").text
    assert (
        "unknown field"
        in kubectl(
            "apply",
            "-f",
            "-",
            stdin={**STATEFUL, "spec": {**STATEFUL["spec"], "volumeClaimTemplates": []}},
            check=False,
        ).err.decode()
    )


def test_daemon_sets_are_applied_and_followed(kubectl):
    """`apply`, `get`, and `rollout status` and `restart`."""
    kubectl("apply", "-f", "-", stdin=DAEMON)
    assert kubectl("get", "ds", "--no-headers").text.split()[:6] == ["web", "0", "0", "0", "0", "0"]
    kubectl("rollout", "restart", "daemonset/web")
    item = kubectl.json("ds", "web")
    assert "kubectl.kubernetes.io/restartedAt" in item["spec"]["template"]["metadata"]["annotations"]
    counts = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "numberAvailable")
    item["status"] |= dict.fromkeys((*counts, "updatedNumberScheduled"), 2) | {"observedGeneration": 2}
    kubectl.server.call("update", "daemonsets.apps", "web", item, namespace=kubectl.namespace, subresource="status")
    assert "successfully rolled out" in kubectl("rollout", "status", "ds/web", "--timeout=30s").text


def test_jobs_are_created_and_described(kubectl):
    """`create job` (which speaks protobuf), `get`, `describe`, and `wait` for its end."""
    kubectl("create", "job", "work", "--image=python:3", "--", "true")
    assert kubectl("get", "jobs", "--no-headers").text.split()[:3] == ["work", "Running", "0/1"]
    item = kubectl.json("job", "work")
    now = "2026-11-22T10:00:00Z"
    ended = {"type": "Complete", "status": "True", "lastProbeTime": now, "lastTransitionTime": now}
    item["status"] = {"succeeded": 1, "startTime": now, "completionTime": now, "conditions": [ended]}
    kubectl.server.call("update", "jobs.batch", "work", item, namespace=kubectl.namespace, subresource="status")
    kubectl("wait", "--for=condition=Complete", "job/work", "--timeout=30s")
    assert "1 Succeeded" in kubectl("describe", "job", "work").text


def test_addresses_and_their_ranges_are_shown(kubectl):
    """`get ipaddress` names the Service, `get servicecidr` the blocks; both kinds can be created and deleted."""
    kubectl("apply", "-f", "-", stdin=SERVICE)
    address = kubectl.json("service", "web")["spec"]["clusterIP"]
    assert kubectl("get", "ip", address, "--no-headers").text.split()[:2] == [
        address,
        f"services/{kubectl.namespace}/web",
    ]
    extra = {"apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR", "metadata": {"name": kubectl.namespace}}
    kubectl("create", "-f", "-", stdin={**extra, "spec": {"cidrs": ["10.9.0.0/24"]}})
    assert kubectl("get", "servicecidr", "--no-headers").text.split()[:2] == [kubectl.namespace, "10.9.0.0/24"]
    kubectl("delete", "servicecidr", kubectl.namespace)


def test_raw_requests_are_proxied(kubectl):
    """`get --raw` of a pod's proxy says why a pod cannot be reached."""
    kubectl.pod()
    place = f"/api/v1/namespaces/{kubectl.namespace}/pods/nope:80/proxy/"
    assert 'pods "nope" not found' in kubectl("get", "--raw", place, check=False).err.decode()


def test_api_resources_lists_what_is_served(kubectl):
    """Every served kind is listed with its short name and scope."""
    listed = {line.split()[0]: line.split() for line in kubectl("api-resources").text.splitlines()}
    assert listed["networkpolicies"] == ["networkpolicies", "netpol", "networking.k8s.io/v1", "true", "NetworkPolicy"]
    assert "faults" in listed and "persistentvolumes" not in listed
    assert "v1\n" in kubectl("api-versions").text


def test_explain_explains(kubectl):
    """`explain` finds fields deep in a kind, with their types."""
    text = kubectl("explain", "networkpolicy.spec.ingress.from.ipBlock").text
    assert "cidr\t<string> -required-" in text and "except\t<[]string>" in text
    assert kubectl("explain", "pod.spec.nope", check=False).code == 1


def test_can_i_answers_by_the_rules(kubectl):
    """`auth can-i` says yes to the administrator and no to a pod's account, also by client certificate."""
    assert kubectl("auth", "can-i", "create", "pods/exec").text == "yes\n"
    by_certificate = kubectl("auth", "can-i", "*", "*", kubeconfig=kubectl.server.kubeconfig_by_certificate)
    assert by_certificate.text == "yes\n"
    asked = kubectl("auth", "can-i", "get", "pods", f"--as=system:serviceaccount:{kubectl.namespace}:x", check=False)
    assert (asked.code, asked.text) == (1, "no\n")


def test_get_all_finds_what_there_is(kubectl):
    """`get all` asks for every kind of the category and nothing that is not served."""
    kubectl.pod()
    kubectl("apply", "-f", "-", stdin=SERVICE)
    text = kubectl("get", "all").text
    assert "pod/p" in text and "service/web" in text


def test_version_names_the_server(kubectl):
    """`version` shows the release whose behaviour is reproduced."""
    assert json.loads(kubectl("version", "-o", "json").out)["serverVersion"]["gitVersion"] == "v1.36.0"
