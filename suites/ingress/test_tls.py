"""Certificates from Secrets, chosen by the name in the TLS handshake, and who answers then.

Source: IngressTLS (networking.k8s.io/v1); catalogue group 1.4.5.
"""

from __future__ import annotations

import pytest

from harness.suite import (
    Arena,
    Check,
    Difference,
    Fetch,
    Findings,
    WorkerArena,
    certificate_for,
    certificates_judged,
    fetch_all,
    ingress,
    ingress_snapshot,
    requirement,
    routes_judged,
)
from suites.ingress.cases import PREFIX, TLS_CASES, TlsCase, rule, to
from suites.ingress.ground import Ground, placed


def _param(case: TlsCase) -> object:
    return pytest.param(case, marks=requirement(*case.ids, needs=("ing",), promise=case.promise), id=case.name)


@pytest.mark.parametrize("case", [_param(case) for case in TLS_CASES])
def test_certificate(arena: Arena, check: Check, standing: Ground, case: TlsCase) -> None:
    """Each host shows the certificate of its Secret, and is served with TLS and without."""
    several = [Fetch(standing.host(host), tls=True, sni=standing.host(sni)) for host, sni in case.asked]
    several += [Fetch(standing.host(host)) for host, _ in case.asked]

    def look() -> Findings:
        looked = fetch_all(arena, standing.controller, several)
        if isinstance(looked, Findings):
            return looked
        over_tls = [each for each in looked if each.fetch.tls]
        wrong = certificates_judged(over_tls, standing.controller, ingress_snapshot(arena), standing.secrets)
        return routes_judged(looked, *wrong)

    check.eventually("certificates", look, within=check.waits.service_program)


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
    spec = {
        "ingressClassName": standing.controller.ingress_class,
        "rules": [rule("renewed", (PREFIX, "/", to("web-one")))],
        "tls": [{"hosts": ["renewed"], "secretName": name}],
    }
    pairs = [certificate_for(host), certificate_for(host)]
    worker_arena.add_objects([pairs[0].secret(name)], "x")
    arena.apply(ingress("renewed", placed(spec, standing.space)))
    for number, pair in enumerate(pairs):
        worker_arena.add_objects([pair.secret(name)], "x")
        held = pair.secret(name)
        stored = {**held, "metadata": {"name": name, "namespace": standing.space}}

        def look(stored: dict[str, object] = stored) -> Findings:
            looked = fetch_all(arena, standing.controller, [Fetch(host, tls=True)])
            if isinstance(looked, Findings):
                return looked
            snapshot = ingress_snapshot(arena)
            return routes_judged(looked, *certificates_judged(looked, standing.controller, snapshot, [stored]))

        check.eventually(f"certificate {number + 1}", look, within=check.waits.service_program)
