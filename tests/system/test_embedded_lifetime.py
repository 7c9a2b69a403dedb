"""The embedded cluster's life: tied to its owner, gone with everything it made within five seconds, also by kill -9.

What "gone" means: no process is left in any of its namespaces, which lets the kernel remove them with all links,
rules and mounts in them; and on the machine itself nothing has changed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.clusters.embedded import EmbeddedCluster, Settings, refusal, standing_names
from harness.clusters.provider import ClusterError
from harness.effects.run import Completed, run, start
from harness.embedded.netns import namespace
from harness.kube.client import Kube
from tests.system.death import limit, until

REFUSED = refusal()
pytestmark = pytest.mark.skipif(REFUSED is not None, reason=str(REFUSED))

SPACES = ("net", "mnt", "pid", "ipc", "uts", "cgroup")
IPTABLES = {"filter", "nat", "mangle", "raw", "security"}
"""Names of the tables that iptables, and with it Docker, keeps in nftables. Ours are named otherwise."""

NAME = f"life-{os.getpid()}"
ROOT = Path(__file__).parents[2]
TESTS = ("scratch", "door", "try-", "mine-")
"""How names of namespaces begin that other tests make beside these, on the machine itself."""

OWNER = """
import sys
from harness.clusters.embedded import EmbeddedCluster, Settings
from harness.clusters.outside import door_of
from harness.model.refs import NamespacedName
from harness.probe.asks import Hostname
from harness.probe.carrier import Processes
from harness.probe.pool import Pool
cluster = EmbeddedCluster(Settings(name=sys.argv[1], jitter=0.0))
way = door_of(cluster.create().kubeconfig, None)
pool, outside = Pool(None), NamespacedName("outside", sys.argv[1])
pool.place(outside, Processes(way.command, python=way.python))
assert pool.ask(outside, [Hostname()])[0].seen.name == "REACHED"
print(cluster.process_id, flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Body:
    """A running cluster as the machine sees it: its parent, its first process, and the namespaces of all it runs."""

    parent: int
    first: int
    namespaces: frozenset[str]

    def holders(self) -> list[int]:
        """Processes that still live in one of its namespaces, and its own two."""
        everybody = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        return [pid for pid in everybody if self.namespaces & spaces(pid) or pid in {self.parent, self.first}]

    def left(self) -> str:
        """Who is left and what each is at, for the reader of a red run."""
        return "; ".join(doing(pid) for pid in self.holders())


@contextlib.contextmanager
def watched(parent: int) -> Iterator[Body]:
    """Look at the cluster whose `unshare` this is; its pods' namespaces are below its process.

    Each namespace is held open meanwhile: the kernel gives the number of one that is gone to the next that is made,
    and a cluster that another worker boots would pass for the rest of this one.
    """
    (first,) = children(parent)
    ours, found = spaces(os.getpid()), set()
    with contextlib.ExitStack() as held:
        for pid in (first, *descendants(first)):
            for space in SPACES:
                with contextlib.suppress(OSError):
                    descriptor = os.open(f"/proc/{pid}/ns/{space}", os.O_RDONLY | os.O_CLOEXEC)
                    held.callback(os.close, descriptor)
                    found.add(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        yield Body(parent, first, frozenset(found - ours))


def spaces(pid: int) -> set[str]:
    """The namespaces of a process; none when it is gone or a zombie."""
    found = set()
    for name in SPACES:
        try:
            found.add(str(Path(f"/proc/{pid}/ns/{name}").readlink()))
        except OSError:
            return set()
    return found


def doing(pid: int) -> str:
    """A process in a few words: number, name, state, and where in the kernel its threads wait."""
    try:
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        waits = {(task / "wchan").read_text() for task in Path(f"/proc/{pid}/task").iterdir()}
    except OSError as error:
        return f"{pid} {error.strerror}"
    return f"{pid} {status['Name']} {status['State']} below {status['PPid']} in {sorted(waits)}"


def program(pid: int) -> str:
    """What a process runs; nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def children(pid: int) -> list[int]:
    """Direct children of a process."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(each) for task in tasks for each in (task / "children").read_text().split()]
    except OSError:
        return []


def descendants(pid: int) -> Iterator[int]:
    """Everything below a process."""
    for child in children(pid):
        yield child
        yield from descendants(child)


def machine() -> dict[str, Any]:
    """What a cluster could leave on the machine itself, without what Docker makes and removes as it likes."""
    links = [line.split(": ")[1] for line in run(["ip", "-o", "link"]).text.splitlines()]
    places = [Path(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    mounts = [str(place) for place in places if not (place.parent == namespace.NAMED and place.name.startswith(TESTS))]
    tables = run(["nft", "list", "tables"], check=False).text.splitlines()
    return {
        "links": sorted(name for name in links if not name.startswith(("br-", "docker", "veth"))),
        "tables": sorted(name for name in tables if name.split()[-1] not in IPTABLES),
        "mounts": sorted(place for place in mounts if "docker" not in place),
        "names": [name for name in standing_names() if name == NAME],
        "own files": [str(path) for path in Path("/run").glob("harness*")],
    }


def attending() -> list[str]:
    """Processes outside the cluster that attend in this file's name, and those that brought them there."""
    return run(["pgrep", "-f", f"attend --as=outside/{NAME}"], check=False).text.split()


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """Every test of this file leaves the machine as it was."""
    before = machine()
    yield
    assert until(lambda: machine() == before), (before, machine())


@pytest.fixture
def named() -> Iterator[Path]:
    """A network namespace of the machine's that has a name."""
    path = namespace.NAMED / f"mine-{os.getpid()}"
    namespace.make(path)
    yield path
    namespace.remove(path)


@pytest.fixture
def owned() -> Iterator[tuple[Any, Body]]:
    """An owner in a process of its own, and its cluster."""
    owner = start([sys.executable, "-c", OWNER, NAME], stdin=-1)
    try:
        line = owner.stdout.readline() if owner.stdout else b""
        assert line.strip(), owner.stderr.read().decode() if owner.stderr else ""
        with watched(int(line)) as body:
            yield owner, body
    finally:
        owner.kill()
        owner.communicate()


def test_a_cluster_has_namespaces_of_its_own(owned: tuple[Any, Body]) -> None:
    """What the other tests see disappear is really there: nodes and pods have namespaces that are not the machine's."""
    _, body = owned
    networks = {space for space in body.namespaces if space.startswith("net:")}
    assert len(networks) >= 3, "the cluster's own and its two DNS pods'"
    ours = {space for space in spaces(os.getpid()) if space.startswith(("net:", "mnt:", "pid:"))}
    strays = [pid for pid in (body.first, *descendants(body.first)) if ours & spaces(pid)]
    assert not strays, "every process of a cluster stands in namespaces that end with it"


def test_a_cluster_holds_no_namespace_of_the_machine(named: Path, owned: tuple[Any, Body]) -> None:
    """What the machine has under a name when a cluster boots can be removed while it stands, links and all."""
    _, body = owned
    assert str(named) in Path("/proc/self/mounts").read_text()
    assert str(named) not in Path(f"/proc/{body.first}/mounts").read_text()


def test_nothing_outlives_an_owner_that_is_killed(owned: tuple[Any, Body]) -> None:
    """kill -9 of the owner: within five seconds no process, and with that no namespace, of its cluster is left.

    Nor is the agent at the place outside, which the owner had entered.
    """
    owner, body = owned
    assert attending(), "there is an agent outside to be seen to end"
    os.kill(owner.pid, signal.SIGKILL)
    assert until(lambda: not body.holders() and not attending()), body.left()


@pytest.mark.parametrize("which", ["first", "parent"])
def test_nothing_outlives_a_cluster_that_is_killed(owned: tuple[Any, Body], which: str) -> None:
    """kill -9 of the cluster's own processes takes its pods with it."""
    _, body = owned
    os.kill(getattr(body, which), signal.SIGKILL)
    assert until(lambda: not [pid for pid in body.holders() if pid != body.parent or spaces(pid)]), body.left()


def test_nothing_outlives_a_run_that_is_killed(tmp_path: Path) -> None:
    """kill -9 of pytest in the middle of the suites: its workers and its cluster end with it."""
    command = [sys.executable, "-m", "pytest", str(ROOT / "suites/netpol"), "-n", "2", "--report", str(tmp_path)]
    with Path(os.devnull).open("wb") as nowhere:
        controller = start([*command, "-p", "no:cacheprovider"], stdout=nowhere, stderr=nowhere)
    try:
        assert until(lambda: (tmp_path / "probes.jsonl").exists(), within=180.0), "no probe was asked"
        several = {pid: program(pid) for pid in children(controller.pid)}
        (parent,) = [pid for pid, name in several.items() if name == "unshare"]
        assert len([name for name in several.values() if name.startswith("python")]) >= 2, several
        with watched(parent) as body:
            controller.kill()
            assert until(lambda: not [pid for pid in several if spaces(pid)] and not body.holders()), body.left()
    finally:
        controller.kill()
        controller.wait()


def test_a_cluster_that_is_asked_to_end_leaves_nothing(owned: tuple[Any, Body]) -> None:
    """An owner that ends in the ordinary way takes its cluster with it."""
    owner, body = owned
    owner.communicate(timeout=limit())
    assert until(lambda: not body.holders()), body.left()


def test_destroying_twice_is_once() -> None:
    """`destroy` returns when the cluster is gone, and may be called again."""
    cluster = EmbeddedCluster(Settings(name=NAME, jitter=0.0))
    cluster.create()
    assert cluster.process_id is not None
    with watched(cluster.process_id) as body:
        cluster.destroy()
        assert not body.holders(), body.left()
    cluster.destroy()


def test_two_clusters_stand_side_by_side() -> None:
    """Two clusters of one name in two owners do not meet: each serves its own objects, each ends alone."""
    one, two = EmbeddedCluster(Settings(name=NAME, jitter=0.0)), EmbeddedCluster(Settings(name=NAME, jitter=0.0))
    try:
        first, second = Kube.connect(one.create().kubeconfig), Kube.connect(two.create().kubeconfig)
        first.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "only-here"}})
        assert second.find("namespaces", "only-here") is None
        one.destroy()
        assert len(second.list("nodes").items) == 3
    finally:
        one.destroy()
        two.destroy()


def test_a_boot_that_fails_leaves_nothing() -> None:
    """A cluster that cannot come up says why in one line, and what it had made is gone."""
    cluster = EmbeddedCluster(Settings(name=NAME, families=("IPv9",), jitter=0.0))
    with pytest.raises(ClusterError, match="did not come up") as told:
        cluster.create()
    assert "\n" not in str(told.value)
    assert cluster.process_id is None


def harness(*args: str) -> Completed:
    """The command, as a user runs it."""
    return run([str(Path(sys.executable).with_name("harness")), *args], check=False, timeout=120)


def test_up_and_down() -> None:
    """`harness up` leaves a cluster that serves by the kubeconfig it names; `harness down` leaves nothing of it."""
    try:
        told = harness("up", "--name", NAME)
        assert told.code == 0, told.err.decode()
        path = Path(told.text.split("export KUBECONFIG=")[1].strip())
        assert Path(path).stat().st_mode & 0o777 == 0o600
        kube = Kube.connect(path)
        assert {node["metadata"]["name"] for node in kube.list("nodes").items} == {
            f"{NAME}-control-plane",
            f"{NAME}-worker",
            f"{NAME}-worker2",
        }
        kube.close()
        again = harness("up", "--name", NAME)
        assert (again.code, again.err.count(b"\n")) == (4, 1)
        assert NAME in harness("doctor").text
        first = int(path.parts[2])
        with watched(int(Path(f"/proc/{first}/stat").read_text().rpartition(")")[2].split()[1])) as body:
            ended = harness("down", "--name", NAME)
            assert ended.code == 0, ended.err.decode()
            assert until(lambda: not body.holders()), body.left()
    finally:
        harness("down", "--name", NAME)
    assert harness("down", "--name", NAME).code == 4


def test_a_kubeconfig_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    """With --kubeconfig the file is the user's alone and works; without the families that were left out."""
    file = tmp_path / "config"
    try:
        told = harness("up", "--name", NAME, "--families", "ipv4", "--kubeconfig", str(file))
        assert told.code == 0, told.err.decode()
        assert file.stat().st_mode & 0o777 == 0o600
        kube = Kube.connect(file)
        service = kube.get("services", "kube-dns", namespace="kube-system")
        assert service["spec"]["ipFamilies"] == ["IPv4"]
        kube.close()
    finally:
        assert harness("down", "--name", NAME).code == 0
