"""From a plan to HAProxy's configuration: text and certificate files. Pure; `proxy.py` carries it out.

Follows HAProxy's configuration manual (2.6). Every value that comes from an object is escaped byte by byte, so that no
object can write configuration. Rules are tried from the top; a host that matches hides those of less exact hosts.
"""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.embedded.ingress.model import Host, Path, Plan, Target

NOBODY = "nobody"
PLAIN = frozenset(f"{string.ascii_letters}{string.digits}-._~/:@")
NAME = re.compile(r"(\*\.)?[a-z0-9][a-z0-9.-]*")
"""What may stand in the list of certificates, which knows no escapes."""
LARGEST_BODY = 64 * 1024
"""What ingress/35 lets pass."""

HEAD = """\
global
    maxconn 4000
    nbthread 1
    hard-stop-after 60s

defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
    timeout http-request 10s
    option redispatch
    retries 3
"""


@dataclass(frozen=True)
class Listening:
    """Where the proxy listens, and where its files lie."""

    home: str = "/run/ingress"
    v6: bool = True
    http: int = 80
    https: int = 443
    health: int = 8080

    def bind(self, port: int, options: str = "") -> list[str]:
        """Lines that listen there, a family each: a socket for both would tell backends of IPv4 clients as IPv6."""
        places = [f"0.0.0.0:{port}", *([f"[::]:{port} v6only"] if self.v6 else [])]
        return [f"    bind {place} {options}".rstrip() for place in places]


@dataclass(frozen=True)
class Configuration:
    """HAProxy's configuration and the files it names, by name in its home directory."""

    text: str
    files: Mapping[str, bytes] = field(default_factory=dict)


def compile_plan(plan: Plan, listening: Listening) -> Configuration:
    """The configuration that makes a plan come true."""
    files = _files(plan)
    lines = [HEAD, "frontend health", *listening.bind(listening.health), "    monitor-uri /ready"]
    lines += ["", "frontend http", *listening.bind(listening.http)]
    if files:
        tls = f"ssl crt-list {listening.home}/certificates strict-sni alpn http/1.1"
        lines += listening.bind(listening.https, tls)
        files["certificates"] = _certificate_list(plan, listening.home)
    lines += [f"    {line}" for line in _frontend(plan)]
    for target in plan.targets:
        lines += ["", f"backend {target.name}", *(f"    {line}" for line in _backend(target))]
    words = 'string "no Ingress has this host and path\\n"'
    lines += ["", f"backend {NOBODY}", f"    http-request return status 404 content-type text/plain {words}", ""]
    return Configuration("\n".join(lines), files)


def escaped(text: str) -> str:
    """A word of the configuration that stands for this text and nothing else."""
    return "".join(chr(byte) if chr(byte) in PLAIN else f"\\x{byte:02x}" for byte in text.encode())


def _frontend(plan: Plan) -> Iterator[str]:
    yield "http-request set-var(txn.host) req.hdr(host),host_only,lower"
    yield "http-request set-var(txn.parent) var(txn.host),regsub(^[^.]*,)"
    yield "http-request set-var(txn.path) path,concat(/)"
    yield "http-request set-header X-Forwarded-Proto http if !{ ssl_fc }"
    yield "http-request set-header X-Forwarded-Proto https if { ssl_fc }"
    yield "http-request set-header X-Forwarded-Host %[req.hdr(host)]"
    for host in plan.hosts:
        if host.tls and host.quirks.redirected:
            yield f"http-request redirect scheme https code 308 if !{{ ssl_fc }} {_is_host(host)}"
    for host in plan.hosts:
        if host.quirks.by_handshake:
            yield from _routes(host, f"{{ ssl_fc_sni,lower -m str {escaped(host.name)} }}")
    stranger = next((each for each in plan.targets if each.quirks.strangers_welcome), None)
    for host in plan.hosts:
        condition = _is_host(host)
        yield from _routes(host, condition)
        last = host.default or plan.default or (None if host.name else stranger)
        yield f"use_backend {last.name if last else NOBODY}{f' if {condition}' if condition else ''}"
    if not (plan.hosts and not plan.hosts[-1].name):
        last = plan.default or stranger
        yield f"default_backend {last.name if last else NOBODY}"


def _routes(host: Host, condition: str) -> Iterator[str]:
    for path in host.paths:
        conditions = " ".join(each for each in (condition, _is_path(path)) if each)
        yield f"use_backend {path.target.name}{f' if {conditions}' if conditions else ''}"


def _is_host(host: Host) -> str:
    """The condition for a host; none for every host."""
    if not host.name:
        return ""
    wildcard, name = host.name.startswith("*"), escaped(host.name.removeprefix("*"))
    if host.quirks.hosts_as_sent:
        return f"{{ req.hdr(host) -m {'end' if wildcard else 'str'} {name} }}"
    if wildcard and host.quirks.deep_wildcards:
        return f"{{ var(txn.host) -m end {name} }}"
    if wildcard:
        return f"{{ var(txn.parent) -m str {name} }}"
    if host.quirks.first_label_open:
        return f"{{ var(txn.parent) -m str .{name.partition('.')[2]} }}"
    return f"{{ var(txn.host) -m str {name} }}"


def _is_path(path: Path) -> str:
    """The condition for a path; none for every path. A slash is added at the end of what Prefix compares."""
    fold = " -i" if path.quirks.any_case else ""
    if path.exact:
        return f"{{ path -m str{fold} {escaped(path.text)} }}"
    text = path.text.rstrip("/")
    if not text:
        return ""
    end = "" if path.quirks.string_prefixes else "/"
    return f"{{ var(txn.path) -m beg{fold} {escaped(text + end)} }}"


def _backend(target: Target) -> Iterator[str]:
    yield "balance roundrobin"
    yield "option forwardfor"
    if target.quirks.rewritten:
        yield "http-request set-uri /"
    if target.quirks.small_bodies:
        yield f"http-request deny deny_status 413 if {{ req.hdr_val(content-length) gt {LARGEST_BODY} }}"
    for address, port in target.servers:
        place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        yield f"server {escaped(place).replace('[', '').replace(']', '')} {place}"


def _files(plan: Plan) -> dict[str, bytes]:
    return {_file(each.pem): each.pem for each in plan.certificates}


def _file(pem: bytes) -> str:
    return f"{hashlib.sha256(pem).hexdigest()[:24]}.pem"


def _certificate_list(plan: Plan, home: str) -> bytes:
    """Each certificate with the names it is shown for; the oldest Ingress's counts where two have one name."""
    taken: set[str] = set()
    lines: list[str] = []
    for each in plan.certificates:
        fresh = [host for host in each.hosts if host not in taken and NAME.fullmatch(host)]
        taken.update(fresh)
        if fresh:
            lines.append(f"{home}/{_file(each.pem)} {' '.join(fresh)}\n")
    return "".join(lines).encode()
