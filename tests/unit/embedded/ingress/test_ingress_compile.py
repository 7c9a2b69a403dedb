"""From objects to a configuration, read as HAProxy reads it; every planted fault shows; HAProxy itself takes it."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.effects.run import run
from harness.embedded.ingress.compile import Configuration, Listening, compile_plan, escaped
from harness.embedded.ingress.faults import IDS, Lag, Planted
from harness.embedded.ingress.manifests import manifests
from harness.embedded.ingress.model import Plan, View, plan
from harness.suite.certificates import certificate_for

from .cluster_by_hand import Object, fault, ingress, objects, planned, rule, to
from .reader import Asked, end, servers, unescaped

HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/bin")


def text_of(*ingresses: Object, faults: tuple[Object, ...] = ()) -> str:
    return compile_plan(planned(*ingresses, faults=faults), Listening()).text


PATHS = ingress(
    "paths",
    rule(
        "h.io",
        ("Prefix", "/", to("one")), ("Prefix", "/aaa", to("two")), ("Prefix", "/foo/", to("two")),
        ("Exact", "/foo", to("three")), ("Prefix", "/aaa/bbb", to("three", "web")), ("Prefix", "/none", to("empty")),
        ("Prefix", "/gone", to("missing")), ("Prefix", "/wrong", to("one", "nope")), ("Prefix", "/more", to("two", 81)),
    ),
)  # fmt: skip
HOSTS = ingress(
    "hosts",
    rule("a.w.io", ("Prefix", "/", to("one"))), rule("*.w.io", ("Prefix", "/", to("two"))),
    rule("", ("Prefix", "/open", to("three"))),
)  # fmt: skip


@pytest.mark.parametrize(
    ("host", "path", "who"),
    [
        ("h.io", "/", "one"), ("h.io", "/x", "one"), ("h.io", "/aaa/x", "two"), ("h.io", "/aaab", "one"),
        ("h.io", "/aaa/bbb", "three"), ("h.io", "/foo", "three"), ("h.io", "/foo/", "two"), ("h.io", "/foo/x", "two"),
        ("h.io", "/FOO", "one"), ("h.io", "/none", ""), ("h.io", "/gone", ""), ("h.io", "/wrong", ""),
        ("H.IO:80", "/aaa", "two"), ("a.w.io", "/", "one"), ("b.w.io", "/", "two"), ("a.b.w.io", "/", ""),
        ("w.io", "/", ""), ("any.io", "/open", "three"), ("any.io", "/openx", ""), ("a.w.io", "/open", "one"),
    ],
)  # fmt: skip
def test_a_request_goes_where_the_objects_say(host: str, path: str, who: str) -> None:
    """Hosts before paths, the longest path first, Exact before Prefix, elements whole; nobody for all else."""
    assert end(text_of(PATHS, HOSTS), Asked(host, path)) == who


def test_servers_are_the_endpoints_of_the_port() -> None:
    """By the port's name in the slices, in the Service's first family."""
    text = text_of(PATHS)
    assert servers(text, "x_three_web") == ["10.0.0.3:8080"]
    assert servers(text, "x_two_81") == ["10.0.0.2:8081"]


def test_the_older_ingress_is_heard() -> None:
    """Where two say different things of one path; what each alone says counts for both."""
    old = ingress("z", rule("h.io", ("Prefix", "/", to("one"))), made=1)
    new = ingress("a", rule("h.io", ("Prefix", "/", to("two")), ("Prefix", "/b", to("three"))), made=2)
    text = text_of(new, old)
    assert (end(text, Asked("h.io", "/")), end(text, Asked("h.io", "/b"))) == ("one", "three")


def test_default_backends() -> None:
    """An Ingress's own for its hosts, the oldest for all others."""
    mine = ingress("mine", rule("h.io", ("Prefix", "/a", to("one"))), defaultBackend=to("two"), made=2)
    text = text_of(mine, ingress("other", defaultBackend=to("three"), made=1))
    ends = [end(text, Asked(host, path)) for host, path in (("h.io", "/a"), ("h.io", "/b"), ("s.io", "/"))]
    assert ends == ["one", "two", "three"]


def test_other_classes_are_left_alone() -> None:
    """Only classes of our controller are served; the old annotation is heard."""
    rules = rule("h.io", ("Prefix", "/", to("one")))
    assert end(text_of(ingress("i", rules, ingressClassName="other")), Asked("h.io", "/")) == ""
    legacy = ingress("i", rules)
    del legacy["spec"]["ingressClassName"]
    assert end(text_of(legacy), Asked("h.io", "/")) == ""
    legacy["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "haproxy"}
    assert end(text_of(legacy), Asked("h.io", "/")) == "one"


def test_terminating_endpoints_serve_when_no_other_is_there() -> None:
    """Ready ones come first; without any, those that still serve."""
    there = objects(PATHS)
    endpoints = there["endpointslices.discovery.k8s.io"][0]["endpoints"]
    endpoints[0]["conditions"] = {"ready": False, "serving": True, "terminating": True}
    assert servers(compile_plan(plan(View(there)), Listening()).text, "x_one_80") == ["10.0.0.1:8080"]
    endpoints.append({"addresses": ["10.0.0.7"], "conditions": {"ready": True}})
    assert servers(compile_plan(plan(View(there)), Listening()).text, "x_one_80") == ["10.0.0.7:8080"]


@pytest.mark.parametrize("word", ["/a b", '/"x"', "/a'b", "/a\\b", "/$HOME", "/#x", "/{x}", "/a\nuse_backend b", "/ä"])
def test_no_path_writes_configuration(word: str) -> None:
    """Whatever a path holds, it stays one word that stands for itself."""
    said = escaped(word)
    assert not set(said) & set(" \"'$#{}\n")
    assert unescaped(said).encode("latin-1").decode() == word


def secret(name: str, pem: bytes, key: bytes = b"K") -> Object:
    data = {"tls.crt": base64.b64encode(pem).decode(), "tls.key": base64.b64encode(key).decode()}
    return {"metadata": {"name": name, "namespace": "x"}, "data": data}


TLS = ingress(
    "tls", rule("a.io", ("Prefix", "/", to("one"))), rule("b.io", ("Prefix", "/", to("two"))),
    tls=[{"hosts": ["a.io"], "secretName": "a"}, {"hosts": ["b.io", "*.b.io"], "secretName": "b"},
         {"hosts": ["c.io"], "secretName": "gone"}],
)  # fmt: skip
SECRETS = (secret("a", b"A"), secret("b", b"B"))


def shown(*faults: Object) -> dict[str, bytes]:
    """Host to certificate, as the list of certificates has it."""
    made = compile_plan(planned(TLS, faults=faults, secrets=SECRETS), Listening(home="/h"))
    lines = made.files["certificates"].decode().splitlines()
    return {host: made.files[line.split()[0].removeprefix("/h/")] for line in lines for host in line.split()[1:]}


def test_certificates_are_shown_for_their_hosts() -> None:
    """Those whose Secrets are there, with their keys; without any nobody listens for TLS."""
    assert shown() == {"a.io": b"A\nK", "b.io": b"B\nK", "*.b.io": b"B\nK"}
    assert ":443" not in text_of(TLS)


SHOWS: dict[str, tuple[Any, ...]] = {
    "services/F65": (PATHS, Asked("h.io", "/aaab"), "two"),
    "services/F64": (HOSTS, Asked("a.b.w.io", "/"), "two"),
    "ingress/10": (ingress("i", rule("h.io", ("Exact", "/f", to("one")), ("Prefix", "/f", to("two")))),
                   Asked("h.io", "/f"), "two"),
    "ingress/11": (PATHS, Asked("h.io", "/aaa"), "one"),
    "ingress/12": (HOSTS, Asked("z.w.io", "/"), "one"),
    "ingress/13": (HOSTS, Asked("a.w.io", "/"), "two"),
    "ingress/14": (PATHS, Asked("H.io", "/"), ""),
    "ingress/15": (HOSTS, Asked("any.io", "/open"), ""),
    "ingress/16": (ingress("i", defaultBackend=to("one")), Asked("any.io", "/"), ""),
    "ingress/17": (ingress("i", rule("h.io", ("Prefix", "/", to("one"))), ingressClassName="other"),
                   Asked("h.io", "/"), "one"),
    "ingress/22": (PATHS, Asked("h.io", "/"), ""),
    "ingress/31": (PATHS, Asked("h.io", "/FOO"), "three"),
    "ingress/33": (PATHS, Asked("h.io", "/none"), "empty"),
    "ingress/37": (PATHS, Asked("any.io", "/"), "three"),
    "ingress/37 beside rules for every host": (HOSTS, Asked("any.io", "/"), "one"),
    "ingress/38": (PATHS, Asked("h.io", "/foo/x"), "three"),
}  # fmt: skip


@pytest.mark.parametrize("id_", sorted(SHOWS))
def test_a_fault_misroutes_in_its_namespace(id_: str) -> None:
    """Each fault sends its request elsewhere where it is planted, and not where it is not."""
    told, asked, wrong = SHOWS[id_]
    fault_id = id_.partition(" ")[0]
    assert end(text_of(told, faults=(fault(fault_id, "x"),)), asked) == wrong
    assert end(text_of(told, faults=(fault(fault_id, "y"),)), asked) != wrong


def test_what_one_namespace_leaves_out_another_has() -> None:
    """Rules for every host are everybody's: a fault in one namespace leaves those of another alone."""
    there = [ingress(space, rule("", ("Prefix", f"/{space}", to("one"))), namespace=space, made=n)
             for n, space in enumerate("xy")]  # fmt: skip
    paths = [path.text for path in planned(*there, faults=(fault("ingress/15", "x"),)).hosts[0].paths]
    assert paths == ["/y"]


def test_faults_of_hosts_and_certificates() -> None:
    """One owner for a host; the handshake chooses; certificates are mixed up or left out."""
    two = [ingress(name, rule("h.io", ("Prefix", f"/{name}", to("one"))), made=n) for n, name in enumerate("ab")]
    assert end(text_of(*two, faults=(fault("ingress/30"),)), Asked("h.io", "/b")) == ""
    assert end(text_of(TLS, faults=(fault("ingress/32"),)), Asked("b.io", "/", sni="a.io")) == "one"
    assert set(shown(fault("ingress/20")).values()) == {b"A\nK"}
    assert set(shown(fault("ingress/34"))) == {"a.io", "b.io"}
    made = compile_plan(planned(TLS, faults=(fault("ingress/39"),), secrets=SECRETS), Listening())
    assert not made.files


@pytest.mark.parametrize(
    ("id_", "line"),
    [
        ("ingress/24", "http-request set-uri /"), ("ingress/25", "http-request redirect scheme https code 308"),
        ("ingress/35", "http-request deny deny_status 413"),
    ],
)  # fmt: skip
def test_a_fault_adds_its_line(id_: str, line: str) -> None:
    """What a fault does to requests stands in the configuration, and without it does not."""
    assert line in text_of(TLS, faults=(fault(id_),))
    assert line not in text_of(TLS)


def test_faults_that_leave_something_out() -> None:
    """A port, an endpoint, IPv6."""
    assert servers(text_of(PATHS, faults=(fault("ingress/27"),)), "x_two_81") == ["10.0.0.2:8080"]
    assert "[::]" in compile_plan(Plan(), Listening()).text
    assert "[::]" not in compile_plan(Plan(), Listening(v6=False)).text
    assert Planted((fault("ingress/36"),)).deaf_to_v6
    assert Planted((fault("ingress/28"),)).restarts
    several = objects(PATHS)
    slices = several["endpointslices.discovery.k8s.io"]
    slices[0]["endpoints"] = [{"addresses": [address], "conditions": {}} for address in ("10.0.0.8", "10.0.0.7")]
    for faults, count in (((), 2), ((fault("ingress/26"),), 1)):
        ends = {each.name: each.servers for each in plan(View(several, Planted(faults))).targets}
        assert len(ends["x_one_80"]) == count


def test_what_is_frozen_thaws_when_the_fault_ends() -> None:
    """Deleted Ingresses (18), endpoints (19) and Secrets (21) are seen as they were, in the fault's namespace alone."""
    lag = Lag()
    before = {key: value for key, value in objects(PATHS, secrets=SECRETS).items() if "classes" not in key}
    after = {key: [] for key in before}
    faults = Planted((fault("ingress/18", "x"), fault("ingress/19", "x"), fault("ingress/21", "x")))
    lag.apply(before, faults)
    assert {key: len(items) for key, items in lag.apply(after, faults).items()} == {
        key: len(items) for key, items in before.items()
    }
    assert not any(lag.apply(after, Planted()).values())


def test_every_quirk_has_its_id() -> None:
    """Each id once, and a healthy namespace has none of them."""
    assert len(set(IDS.values())) == len(IDS)
    assert not any(vars(Planted((fault("ingress/10", "y"),)).quirks("x")).values())


def test_the_addon_is_what_users_know() -> None:
    """A Deployment behind a LoadBalancer Service in a namespace of its own, and a class that is no default."""
    by_kind = {each["kind"]: each for each in manifests(families=("IPv4", "IPv6"), jitter=0.3)}
    assert list(by_kind) == ["Namespace", "ServiceAccount", "IngressClass", "Service", "Deployment"]
    spec = by_kind["Service"]["spec"]
    assert (spec["type"], spec["ipFamilyPolicy"]) == ("LoadBalancer", "RequireDualStack")
    assert by_kind["Deployment"]["spec"]["template"]["metadata"]["labels"] == spec["selector"]
    assert "annotations" not in by_kind["IngressClass"]["metadata"]


@pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")
def test_haproxy_takes_what_is_compiled(tmp_path: Path) -> None:
    """The program itself checks a configuration with everything in it: hosts, odd paths, TLS, faults."""
    pair = certificate_for("a.io")
    odd = ingress("odd", rule("h.io", *(("Exact", text, to("one")) for text in ("/a b", "/$X", "/'", '/"', "/#{"))))
    secrets = (secret("a", pair.certificate, pair.key), secret("b", pair.certificate, pair.key))
    some = tuple(fault(id_) for id_ in IDS.values() if id_ not in {"ingress/22", "ingress/39"})
    for faults in ((), some):
        wanted = planned(PATHS, HOSTS, TLS, odd, faults=faults, secrets=secrets)
        made: Configuration = compile_plan(wanted, Listening(home=str(tmp_path)))
        assert made.files
        for name, content in {**made.files, "haproxy.cfg": made.text.encode()}.items():
            (tmp_path / name).write_bytes(content)
        done = run([str(HAPROXY), "-c", "-f", str(tmp_path / "haproxy.cfg")], check=False)
        assert done.code == 0, done.err.decode()
