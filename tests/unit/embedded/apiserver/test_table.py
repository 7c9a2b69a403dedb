"""Tables: ages, cells and columns, with rows as a real server gave them."""

from datetime import datetime

import pytest

from harness.embedded.apiserver import columns, podcells, table
from harness.embedded.apiserver.ages import age, span
from harness.embedded.apiserver.texts import few, labels, selector
from harness.embedded.store.resources import RESOURCES, by_name

BORN = "2026-11-22T11:25:18Z"
NOW = datetime.fromisoformat(BORN).timestamp() + 3


def row(name: str, obj: dict) -> list:
    obj = {**obj, "metadata": {"name": "x", "creationTimestamp": BORN, **obj.get("metadata", {})}}
    return table.make(by_name(name), [obj], now=NOW).rows[0].cells


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"), (119, "119s"), (120, "2m"), (121, "2m1s"), (599, "9m59s"), (600, "10m"), (10799, "179m"),
        (10800, "3h"), (10860, "3h1m"), (28799, "7h59m"), (28800, "8h"), (172799, "47h"), (172800, "2d"),
        (176400, "2d1h"), (691199, "7d23h"), (691200, "8d"), (63071999, "729d"), (63072000, "2y"), (63158400, "2y1d"),
        (252288000, "8y"),
    ],
)  # fmt: skip
def test_a_span_gets_coarser_with_its_length(seconds, text):
    """Each step of kubectl's scale is kept."""
    assert span(seconds) == text


def test_an_age_without_a_start_is_unknown():
    """No timestamp, no age; one from the future is invalid, a second of skew is none."""
    assert age(None, NOW) == "<unknown>"
    assert age(BORN, NOW - 4) == "0s"
    assert age(BORN, NOW - 60) == "<invalid>"


@pytest.mark.parametrize(
    ("spec", "status", "cells"),
    [
        (
            {"type": "ClusterIP", "clusterIPs": ["10.96.84.100"], "ports": [{"port": 80, "protocol": "TCP"}]},
            {}, ["x", "ClusterIP", "10.96.84.100", "<none>", "80/TCP", "3s", "<none>"],
        ),
        (
            {
                "type": "NodePort", "clusterIPs": ["10.96.10.26"], "externalIPs": ["1.2.3.4"], "selector": {"app": "a"},
                "ports": [{"port": 53, "protocol": "UDP", "nodePort": 30053}, {"port": 53, "protocol": "TCP"}],
            },
            {}, ["x", "NodePort", "10.96.10.26", "1.2.3.4", "53:30053/UDP,53/TCP", "3s", "app=a"],
        ),
        (
            {"type": "LoadBalancer", "clusterIPs": ["10.96.0.7"], "ports": [{"port": 1}]},
            {}, ["x", "LoadBalancer", "10.96.0.7", "<pending>", "1/TCP", "3s", "<none>"],
        ),
        (
            {"type": "LoadBalancer", "clusterIPs": ["10.96.0.7"], "ports": [{"port": 1}], "externalIPs": ["9.9.9.9"]},
            {"loadBalancer": {"ingress": [{"ip": "172.18.255.200"}, {"hostname": "lb.example"}]}},
            ["x", "LoadBalancer", "10.96.0.7", "172.18.255.200,lb.example,9.9.9.9", "1/TCP", "3s", "<none>"],
        ),
        (
            {"type": "ExternalName", "externalName": "example.com"},
            {}, ["x", "ExternalName", "<none>", "example.com", "<none>", "3s", "<none>"],
        ),
        (
            {"type": "ClusterIP", "clusterIPs": ["None"], "ports": []},
            {}, ["x", "ClusterIP", "None", "<none>", "<none>", "3s", "<none>"],
        ),
    ],
)  # fmt: skip
def test_a_service_shows_how_it_is_reached(spec, status, cells):
    """Every type of Service has the cells a real server gives it."""
    assert row("services", {"spec": spec, "status": status}) == cells


INIT = ({"name": "i"},)


def pod(*, phase="Running", containers=None, inits=(), init_specs=(), **more):
    statuses = containers if containers is not None else [{"name": "c", "ready": True, "state": {"running": {}}}]
    return {
        "metadata": {"name": "p", **more.pop("metadata", {})},
        "spec": {"containers": [{"name": "c"}], "initContainers": list(init_specs), **more.pop("spec", {})},
        "status": {
            "phase": phase, "containerStatuses": statuses, "initContainerStatuses": list(inits), **more,
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (pod(), "Running"),
        (pod(phase="Pending", containers=[]), "Pending"),
        (pod(containers=[{"name": "c", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]), "ImagePullBackOff"),
        (pod(containers=[{"name": "c", "state": {"terminated": {"exitCode": 3}}}]), "ExitCode:3"),
        (pod(containers=[{"name": "c", "state": {"terminated": {"signal": 9, "exitCode": 137}}}]), "Signal:9"),
        (pod(phase="Succeeded", containers=[{"state": {"terminated": {"reason": "Completed"}}}]), "Completed"),
        (
            pod(
                containers=[
                    {"state": {"terminated": {"reason": "Completed"}}}, {"ready": True, "state": {"running": {}}},
                ],
                conditions=[{"type": "Ready", "status": "True"}],
            ),
            "Running",
        ),
        (
            pod(
                containers=[
                    {"state": {"terminated": {"reason": "Completed"}}}, {"ready": True, "state": {"running": {}}},
                ]
            ),
            "NotReady",
        ),
        (pod(metadata={"deletionTimestamp": BORN}), "Terminating"),
        (pod(metadata={"deletionTimestamp": BORN}, reason="NodeLost"), "Unknown"),
        (pod(phase="Failed", containers=[], reason="Evicted"), "Evicted"),
        (pod(inits=[{"name": "i", "state": {"running": {}}}], init_specs=INIT), "Init:0/1"),
        (
            pod(inits=[{"name": "i", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}], init_specs=INIT),
            "Init:CrashLoopBackOff",
        ),
        (
            pod(inits=[{"name": "i", "state": {"terminated": {"exitCode": 1}}}], init_specs=[{"name": "i"}]),
            "Init:ExitCode:1",
        ),
        (pod(inits=[{"name": "i", "state": {"terminated": {"exitCode": 0}}}], init_specs=[{"name": "i"}]), "Running"),
    ],
)  # fmt: skip
def test_a_pods_status_is_its_most_telling_state(given, word):
    """Waiting, ended, initializing and terminating containers speak before the phase does."""
    assert podcells.status(given, NOW) == word


def test_a_pods_row_is_the_recorded_one():
    """The row of a running pod is the one a real server gave."""
    given = pod(podIP="10.244.2.30", spec={"nodeName": "lab-worker2"}, metadata={"creationTimestamp": BORN})
    cells = table.make(by_name("pods"), [given], now=NOW).rows[0].cells
    assert cells == ["p", "1/1", "Running", "0", "3s", "10.244.2.30", "lab-worker2", "<none>", "<none>"]


def test_restarts_say_when_the_last_one_was():
    """A restarted container shows how often and how long ago."""
    status = {"name": "c", "restartCount": 2, "lastState": {"terminated": {"finishedAt": BORN}}, "state": {}}
    assert podcells.restarts(pod(containers=[status]), NOW) == "2 (3s ago)"


def test_a_sidecar_counts_as_a_container():
    """An init container that restarts always is wanted running, and counted when ready."""
    given = pod(
        init_specs=[{"name": "s", "restartPolicy": "Always"}],
        inits=[{"name": "s", "started": True, "ready": True, "state": {"running": {}}}],
    )
    assert podcells.ready(given, NOW) == "2/2"
    assert podcells.status(given, NOW) == "Running"


def test_readiness_gates_are_counted():
    """Open gates of all gates."""
    spec = {"readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]}
    given = pod(spec=spec, conditions=[{"type": "a", "status": "True"}])
    assert podcells.gates(given, NOW) == "1/2"


def test_long_lists_are_shortened():
    """Three entries are shown, the others counted."""
    subset = {"addresses": [{"ip": f"10.0.0.{n}"} for n in range(5)], "ports": [{"port": 80}]}
    expected = "10.0.0.0:80,10.0.0.1:80,10.0.0.2:80 + 2 more..."
    assert row("endpoints", {"subsets": [subset]}) == ["x", expected, "3s"]
    assert row("endpoints", {}) == ["x", "<none>", "3s"]
    assert few(["a", "b", "c"]) == "a,b,c"


def test_ipv6_endpoints_are_bracketed():
    """An address with colons is told from its port."""
    subset = {"addresses": [{"ip": "fd00::1"}], "ports": [{"port": 80}]}
    assert row("endpoints", {"subsets": [subset]})[1] == "[fd00::1]:80"


def test_a_slice_shows_ports_and_addresses():
    """An empty slice says so in both columns."""
    full = {"addressType": "IPv4", "ports": [{"port": 53}, {"port": None}], "endpoints": [{"addresses": ["10.1.1.1"]}]}
    assert row("endpointslices.discovery.k8s.io", full) == ["x", "IPv4", "53,*", "10.1.1.1", "3s"]
    assert row("endpointslices.discovery.k8s.io", {"addressType": "IPv6"})[2:4] == ["<unset>", "<unset>"]


@pytest.mark.parametrize(
    ("ready", "spec", "text"),
    [
        ("True", {}, "Ready"),
        ("False", {}, "NotReady"),
        ("Unknown", {}, "NotReady"),
        ("True", {"unschedulable": True}, "Ready,SchedulingDisabled"),
    ],
)
def test_a_node_shows_whether_it_takes_pods(ready, spec, text):
    """Readiness and cordoning stand in one cell."""
    status = {"conditions": [{"type": "Ready", "status": ready}]}
    cells = row("nodes", {"spec": spec, "status": status, "metadata": {"labels": {"node-role.kubernetes.io/a": ""}}})
    assert cells[1:3] == [text, "a"]


def test_events_show_how_often_they_came():
    """A repeated event shows its last time, its count and its first time."""
    event = {
        "count": 3, "firstTimestamp": "2026-11-22T11:24:18Z", "lastTimestamp": BORN, "type": "Warning",
        "reason": "BackOff", "involvedObject": {"kind": "Pod", "name": "p"}, "message": "text\n",
    }  # fmt: skip
    cells = row("events", event)
    assert cells[:4] == ["3s (x3 over 63s)", "Warning", "BackOff", "pod/p"]
    assert cells[6] == "text"


def test_an_ingress_shows_where_it_is_reached():
    """Class, hosts, addresses and ports; one without hosts is for every host."""
    spec = {"ingressClassName": "c", "rules": [{"host": f"{letter}.com"} for letter in "abcd"], "tls": [{}]}
    status = {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}, {"hostname": "lb.com"}]}}
    many, every = "a.com,b.com,c.com + 1 more...", {"annotations": {"kubernetes.io/ingress.class": "old"}}
    name = "ingresses.networking.k8s.io"
    assert row(name, {"spec": spec, "status": status}) == ["x", "c", many, "10.0.0.1,lb.com", "80, 443", "3s"]
    assert row(name, {"metadata": every, "spec": {"rules": [{}]}}) == ["x", "old", "*", "", "80", "3s"]


def test_a_class_shows_its_controller():
    """With its parameters, where it has some."""
    spec = {"controller": "a.io/b", "parameters": {"apiGroup": "g.io", "kind": "K", "name": "n"}}
    assert row("ingressclasses.networking.k8s.io", {"spec": spec}) == ["x", "a.io/b", "K.g.io/n", "3s"]
    assert row("ingressclasses.networking.k8s.io", {"spec": {"controller": "a.io/b"}})[2] == "<none>"


def test_selectors_are_written_as_on_the_command_line():
    """All four operators, sorted by key; nothing selected by label is `<none>`."""
    given = {
        "matchLabels": {"b": "1"},
        "matchExpressions": [
            {"key": "a", "operator": "In", "values": ["y", "x"]}, {"key": "c", "operator": "NotIn", "values": ["z"]},
            {"key": "d", "operator": "Exists"}, {"key": "e", "operator": "DoesNotExist"},
        ],
    }  # fmt: skip
    assert selector(given) == "a in (x,y),b=1,c notin (z),d,!e"
    assert selector({}) == labels(None) == "<none>"


@pytest.mark.parametrize("resource", RESOURCES, ids=str)
def test_an_empty_object_of_every_kind_has_a_row(resource):
    """No column of any kind breaks on an object that has only metadata."""
    obj = {"metadata": {"name": "x"}, "involvedObject": {}}
    made = table.make(resource, [obj], now=NOW)
    assert len(made.rows[0].cells) == len(made.columns) >= 2
    assert all(column["description"] for column in made.columns)


def test_every_column_has_its_own_name():
    """No kind shows two columns under one heading."""
    for kind, chosen in columns.COLUMNS.items():
        names = [column.name for column in chosen]
        assert len(set(names)) == len(names), kind


TEMPLATE = {"spec": {"containers": [{"name": "c", "image": "i"}], "nodeSelector": {"disk": "ssd"}}}
ONE = {"matchLabels": {"a": "b"}}


@pytest.mark.parametrize(
    ("resource", "obj", "cells"),
    [
        (
            "statefulsets.apps",
            {"spec": {"replicas": 3, "template": TEMPLATE}, "status": {"readyReplicas": 2}},
            ["x", "2/3", "3s", "c", "i"],
        ),
        (
            "daemonsets.apps",
            {
                "spec": {"selector": ONE, "template": TEMPLATE},
                "status": {"desiredNumberScheduled": 3, "currentNumberScheduled": 2, "numberReady": 1},
            },
            ["x", 3, 2, 1, 0, 0, "disk=ssd", "3s", "c", "i", "a=b"],
        ),
        (
            "servicecidrs.networking.k8s.io",
            {"spec": {"cidrs": ["10.96.0.0/16", "fd00::/112"]}},
            ["x", "10.96.0.0/16,fd00::/112", "3s"],
        ),
        (
            "ipaddresses.networking.k8s.io",
            {"spec": {"parentRef": {"resource": "services", "namespace": "n", "name": "s"}}},
            ["x", "services/n/s", "3s"],
        ),
        ("ipaddresses.networking.k8s.io", {"spec": {}}, ["x", "<none>", "3s"]),
    ],
)
def test_rows_of_workloads_and_addresses(resource, obj, cells):
    """The cells kubectl shows of them."""
    assert row(resource, obj) == cells


@pytest.mark.parametrize(
    ("spec", "status", "cells"),
    [
        ({"completions": 5}, {"succeeded": 2, "startTime": BORN}, ["Running", "2/5", "3s"]),
        ({"parallelism": 3}, {}, ["Running", "0/1 of 3", ""]),
        ({"parallelism": 1}, {}, ["Running", "0/1", ""]),
        (
            {"completions": 1},
            {
                "succeeded": 1,
                "startTime": BORN,
                "completionTime": "2026-11-22T11:25:20Z",
                "conditions": [
                    {"type": "SuccessCriteriaMet", "status": "True"},
                    {"type": "Complete", "status": "True"},
                ],
            },
            ["Complete", "1/1", "2s"],
        ),
        ({"completions": 1}, {"conditions": [{"type": "Failed", "status": "True"}]}, ["Failed", "0/1", ""]),
        ({"completions": 1}, {"conditions": [{"type": "Suspended", "status": "False"}]}, ["Running", "0/1", ""]),
    ],
)
def test_rows_of_jobs(spec, status, cells):
    """What has become of it, of how many, and how long it took."""
    found = row("jobs.batch", {"spec": {"selector": ONE, "template": TEMPLATE, **spec}, "status": status})
    assert found[1:4] == cells


def test_a_job_on_its_way_out_says_so():
    """Deletion shows while nothing else was said."""
    job = {"metadata": {"deletionTimestamp": BORN}, "spec": {"template": TEMPLATE}}
    assert row("jobs.batch", job)[1] == "Terminating"
