"""Certificates from Secrets, chosen by the name in the TLS handshake, and who answers then.

Source: IngressTLS (networking.k8s.io/v1); catalogue group 1.4.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from harness.suite import (
    Arena,
    Check,
    Difference,
    Fetch,
    Findings,
    Pair,
    WorkerArena,
    certificate_for,
    certificates_judged,
    exclusive,
    fetch_all,
    ingress,
    ingress_snapshot,
    requirement,
    routes_judged,
    service,
)
from suites.ingress.cases import PREFIX, TLS_CASES, TlsCase, rule, to
from suites.ingress.ground import PORTS, Ground, placed

USELESS = Pair(b"no certificate", b"no key")
NEWCOMERS = 2
"""Hosts added one after the other: when the first is served, the controller has read what came before it."""


def _param(case: TlsCase) -> object:
    return pytest.param(case, marks=requirement(*case.ids, needs=("ing",), promise=case.promise), id=case.name)


@pytest.mark.parametrize("case", [_param(case) for case in TLS_CASES])
def test_certificate(arena: Arena, check: Check, standing: Ground, case: TlsCase) -> None:
    """Each host shows the certificate of its Secret, and is served."""
    several = [Fetch(standing.host(host), tls=True, sni=standing.host(sni)) for host, sni in case.asked]
    _await_certificates(arena, check, standing, "certificates", several, standing.secrets)


@requirement("ING-057", needs=("ing",))
def test_plain_requests(arena: Arena, check: Check, standing: Ground) -> None:
    """A host with a certificate is served without TLS as well, and nobody is sent elsewhere."""
    fetches = [Fetch(standing.host("tls")), Fetch(standing.host("tls"), tls=True)]
    _await_certificates(arena, check, standing, "without TLS", fetches, standing.secrets)


def _await_certificates(
    arena: Arena,
    check: Check,
    standing: Ground,
    what: str,
    fetches: Sequence[Fetch],
    secrets: Sequence[Mapping[str, Any]],
) -> None:
    """Wait until every request is answered by its backend, over TLS with the certificate of its Secret."""

    def look() -> Findings:
        looked = fetch_all(arena, standing.controller, fetches)
        if isinstance(looked, Findings):
            return looked
        over_tls = [each for each in looked if each.fetch.tls]
        wrong = certificates_judged(over_tls, standing.controller, ingress_snapshot(arena), secrets)
        return routes_judged(looked, *wrong)

    check.eventually(what, look, within=check.waits.service_program)


@requirement("ING-064", needs=("ing",))
def test_the_handshake_chooses_no_backend(arena: Arena, check: Check, standing: Ground) -> None:
    """A request whose Host is not the name of its handshake is answered by that Host's backend or by none."""
    fetches = [Fetch(standing.host("tls-b"), tls=True, sni=standing.host("tls-a"))]
    fetches += [Fetch(standing.host(host), tls=True) for host in ("tls-a", "tls-b")]  # controls

    def look() -> Findings:
        looked = fetch_all(arena, standing.controller, fetches)
        if isinstance(looked, Findings):
            return looked
        crossed, *controls = looked
        who = crossed.reply.pod
        wrong = Difference(str(crossed.fetch), f"answered by {crossed.route} or by nobody", str(crossed.reply), "Host")
        return routes_judged(controls, *([wrong] if who and who not in crossed.route.pods else []))

    check.eventually("Host chooses", look, within=check.waits.service_program)


@requirement("ING-066", needs=("ing",))
def test_certificates_are_renewed(arena: Arena, worker_arena: WorkerArena, check: Check, standing: Ground) -> None:
    """A new certificate in a Secret is shown without anything being started anew."""
    host, name = standing.host("renewed"), "tls-renewed"
    for number in (1, 2):
        secret = _hold(worker_arena, standing, certificate_for(host), name)
        if number == 1:
            arena.apply(_with_certificate(standing, "renewed", name))
        _await_certificates(arena, check, standing, f"certificate {number}", [Fetch(host, tls=True)], [secret])


@exclusive
@pytest.mark.parametrize("pair", [None, USELESS], ids=["missing", "useless"])
@requirement("ING-067", needs=("ing", "admin"))
def test_broken_secrets(
    arena: Arena, worker_arena: WorkerArena, check: Check, standing: Ground, pair: Pair | None
) -> None:
    """A Secret that is missing or useless takes no other host along: none that stands, and none that comes.

    There are controllers in which it stops every change for everybody: nothing else runs meanwhile, and the controller
    of somebody else's cluster is not tried. What comes has a Service of its own: a certificate or a path alone may be
    followed by the way, where nothing is read anew. We may not delete Secrets: a useless one is made good instead.
    """
    broken = "tls-useless" if pair else "tls-gone"
    if pair:
        _hold(worker_arena, standing, pair, broken)
    try:
        arena.apply(_with_certificate(standing, "tls-broken", broken))
        secrets = [*standing.secrets]
        for number in range(NEWCOMERS):
            host, new = standing.host(f"tls-new-{number}"), f"tls-new-{number}"
            secrets.append(_hold(worker_arena, standing, certificate_for(host), new))
            arena.apply(service(new, {"selector": {"pod": "a"}, "ports": PORTS}))
            arena.apply(_with_certificate(standing, new, new, behind=new))
            fetches = [Fetch(standing.host("root")), *(Fetch(each, tls=True) for each in (host, standing.host("tls")))]
            _await_certificates(arena, check, standing, f"{new} beside a Secret that is none", fetches, secrets)
    finally:
        if pair:
            _hold(worker_arena, standing, certificate_for(standing.host("tls-broken")), broken)


def _hold(worker_arena: WorkerArena, standing: Ground, pair: Pair, name: str) -> dict[str, Any]:
    """Store a Secret for as long as the arena lives, or its new content."""
    secret = pair.secret(name)
    worker_arena.add_objects([secret], "x")
    return {**secret, "metadata": {"name": name, "namespace": standing.space}}


def _with_certificate(standing: Ground, host: str, secret: str, *, behind: str = "web-one") -> dict[str, Any]:
    """An Ingress of one host whose certificate is in a Secret."""
    spec = {
        "ingressClassName": standing.controller.ingress_class,
        "rules": [rule(host, (PREFIX, "/", to(behind)))],
        "tls": [{"hosts": [host], "secretName": secret}],
    }
    return ingress(host, placed(spec, standing.space))
