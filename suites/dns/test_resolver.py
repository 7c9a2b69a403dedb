"""What the kubelet gives a pod's resolver, and that it leads to the cluster's names.

Source: pod API (dnsPolicy), "DNS for Services and Pods"; the resolver section of the DNS catalogue.
"""

from __future__ import annotations

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Difference,
    Findings,
    PodShape,
    ReadFile,
    Seen,
    Symptom,
    Verdict,
    parse_resolv_conf,
    requirement,
    resolve,
)

RULE = "dnsPolicy ClusterFirst"


@requirement("DNS-401", "DNS-403", "DNS-405", "DNS-982")
def test_new_pods_resolve(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A new pod on any node searches its namespace first, with ndots:5; its nameserver knows the cluster's names."""
    refs = [f"x/r{number}" for number in range(len(cluster.sample))]
    arena.start({ref: PodShape(ports=(80,), node=node) for ref, node in zip(refs, cluster.sample, strict=True)})

    def look() -> Findings:
        return Findings.joined(resolver(arena, cluster, ref) for ref in refs)

    check.eventually("resolver", look, within=check.waits.dns_program)


def resolver(arena: Arena, cluster: ClusterFacts, ref: str) -> Findings:
    """One look at a pod's resolv.conf, and at what its own resolver makes of a name of the cluster."""
    (read,) = arena.ask(ref, ReadFile("/etc/resolv.conf"))
    (told,) = resolve(arena, ref, "kubernetes.default")
    if lost := [result for result in (read, told) if result.seen is Seen.UNMEASURED]:
        differences = [Difference(f"{ref} its resolver", "told", str(each), verdict=Verdict.UNKNOWN) for each in lost]
        return Findings(tuple(differences), frozenset({Symptom.UNMEASURED}))
    file = parse_resolv_conf(read.content.decode(errors="replace"))
    zone, space = cluster.zone, arena.namespace("x")
    ours = (f"{space}.svc.{zone}", f"svc.{zone}", zone)
    rows = {
        "search begins with": (ours, file.search[: len(ours)]),
        "options": (frozenset({"ndots:5"}), file.options),
    }
    found = [
        Difference(f"{ref} {what}", " ".join(sorted(want)), " ".join(sorted(got)) or "nothing", RULE)
        for what, (want, got) in rows.items()
        if want != got
    ]
    wrong_file = bool(found) or cluster.dns_server not in file.nameservers
    if not told.addresses:
        found.append(Difference(f"{ref} resolves kubernetes.default", "its address", str(told), "DNS-982"))
    # Another nameserver may be right (a cache on the node); where names fail, it is the first suspect.
    hint = Symptom.RESOLVER_FILE_WRONG if wrong_file else Symptom.DNS_ASKED
    evidence = tuple(read.content.decode(errors="replace").splitlines()) if found else ()
    return Findings(
        tuple(found), frozenset({hint} if found else ()), asked=f"{ref} its own resolver", evidence=evidence
    )
