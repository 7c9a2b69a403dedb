"""An observed DNS message held against what was expected. All differences, never the first only.

Records are compared as sets: order, letter case, priority and weight do not count; flags AA and RA only on request.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from harness.model.difference import Difference
from harness.model.dns import Answer, Record, canonical_name
from harness.model.outcome import Verdict
from harness.oracle.dns.expected import Alternative, Expected, Fact, Kind, Level
from harness.oracle.dns.names import is_within

ADDRESSES = frozenset({"A", "AAAA"})
NEGATIVE = frozenset({Kind.NODATA, Kind.NXDOMAIN, Kind.ABSENT})


def judge_answer(expected: Expected, observed: Answer | None, *, authoritative: bool = False) -> list[Difference]:
    """Nothing when the message is one of the acceptable ones and keeps every bound; otherwise all that differs from the
    nearest acceptable one, that is the one with the fewest differences, the promised one first.

    `observed=None`: no reply came; that is unknown, not absent. `authoritative` demands AA for names of the zone.
    """
    if observed is None:
        return [Difference("reply", "a DNS message", "none came", expected.rule, Verdict.UNKNOWN)]
    tried = [_against(expected, each, observed) for each in expected.alternatives]
    return _envelope(expected, observed, authoritative=authoritative) + min(tried, key=len)


def accepted_as(expected: Expected, observed: Answer) -> Alternative | None:
    """Which of the acceptable answers it is; None when none. A SOFT one is worth a line in the report."""
    if _envelope(expected, observed, authoritative=False):
        return None
    return next((each for each in expected.alternatives if not _against(expected, each, observed)), None)


def deviation(expected: Expected, observed: Answer) -> str:
    """The note of a known deviation, when the answer is one; otherwise empty."""
    found = accepted_as(expected, observed)
    return found.note if found is not None and found.level is Level.SOFT else ""


def _against(expected: Expected, wanted: Alternative, observed: Answer) -> list[Difference]:
    match wanted.kind:
        case Kind.POSITIVE:
            return _positive(expected, wanted, observed)
        case Kind.NOT_OURS:
            return _not_ours(expected, observed)
        case Kind.APEX_SOA:
            return _apex_soa(expected, observed)
        case _:
            return _negative(expected, wanted, observed)


def _envelope(expected: Expected, observed: Answer, *, authoritative: bool) -> list[Difference]:
    """What every answer must keep, whatever it says."""
    found = []
    if "QR" not in observed.flags:
        found.append(Difference("flags", "QR: a reply", " ".join(sorted(observed.flags)) or "none", "RFC 1035 4.1.1"))
    asked, echoed = expected.question, observed.question
    if echoed is not None and (canonical_name(echoed.name), echoed.type) != (canonical_name(asked.name), asked.type):
        found.append(Difference("question", str(asked), str(echoed), "RFC 5452: the question is repeated"))
    if observed.tc and observed.proto == "tcp":
        found.append(Difference("flags", "no TC over TCP", "TC", "RFC 7766"))
    ours = is_within(asked.name, expected.zone)
    if authoritative and ours and not observed.aa:
        found.append(Difference("flags", "AA", "no AA", "the server is the zone's authority"))
    return found + _rrsets(expected, observed.answer)


def _rrsets(expected: Expected, records: tuple[Record, ...]) -> list[Difference]:
    """Bounds on records of the zone: lifetimes, one lifetime per set, nothing twice."""
    found: list[Difference] = []
    lifetimes: dict[tuple[str, str], set[int]] = defaultdict(set)
    seen: set[Fact] = set()
    for record in map(Record.canonical, records):
        lifetimes[record.owner, record.type].add(record.ttl)
        what = f"{record.owner} {record.type} {record.rdata}"
        if (full := (record.owner, record.type, record.rdata)) in seen:
            found.append(Difference(what, "once", "twice", "RFC 2181 5"))
        seen.add(full)
        if record.cls != "IN":
            found.append(Difference(what, "class IN", f"class {record.cls}", "RFC 1035"))
        ours = is_within(record.owner, expected.zone) or fact(record) in expected.truth
        if ours and not 0 <= record.ttl <= expected.ttl:
            found.append(Difference(f"lifetime of {what}", f"at most {expected.ttl} s", f"{record.ttl} s", "DNS-105"))
        if record.type == "SRV" and _weight(record) < 1:
            found.append(Difference(f"weight of {what}", "at least 1", str(_weight(record)), "RFC 2782: zero starves"))
    for (owner, rtype), values in lifetimes.items():
        if len(values) > 1:
            text = ", ".join(map(str, sorted(values)))
            found.append(Difference(f"lifetimes of {owner} {rtype}", "one for the set", text, "RFC 2181 5.2"))
    return found


def _positive(expected: Expected, wanted: Alternative, observed: Answer) -> list[Difference]:
    found = _rcode(wanted.rcodes, observed, expected.rule)
    records = [each.canonical() for each in observed.answer]
    reached = _reached(canonical_name(expected.question.name), records)
    facts = {fact(each) for each in records}
    for owner, rtype, rdata in sorted(facts - wanted.permitted):
        if owner not in wanted.open_owners | _beyond(wanted.open_owners, records):
            found.append(Difference(f"{owner} {rtype} {rdata}", "absent", "present", expected.rule))
    if not observed.tc:
        found += [
            Difference(f"{owner} {rtype} {rdata}", "present", "missing", expected.rule)
            for owner, rtype, rdata in sorted(wanted.required - facts)
        ]
    elif not facts and wanted.required:
        found.append(Difference("answer", "as many records as fit", "none", "RFC 2181 9"))
    if not facts and not wanted.required:
        found.append(Difference("answer", "some of the allowed records", "none", expected.rule))
    found += [
        Difference(
            f"owner of {each.type} {each.rdata}", "the name asked for, or a CNAME's target", each.owner, "RFC 1034"
        )
        for each in records
        if each.owner not in reached
    ]
    return found + _additional(expected, observed)


def _additional(expected: Expected, observed: Answer) -> list[Difference]:
    """Addresses offered besides: of names the answer points at, and true. The section may be empty or cut."""
    targets = {fact(each)[2].rpartition(" ")[2] for each in observed.answer if each.type in {"SRV", "NS"}}
    found = []
    for record in map(Record.canonical, observed.additional):
        if record.type not in ADDRESSES:
            continue
        what = f"additional {record.owner} {record.type} {record.rdata}"
        if record.owner not in targets:
            found.append(Difference(what, "an address of a name in the answer", "another name's", "DNS-127, DNS-246"))
        elif is_within(record.owner, expected.zone) and fact(record) not in expected.truth:
            found.append(Difference(what, "the name's address", "not one of them", "DNS-127, DNS-246"))
    return found


def _negative(expected: Expected, wanted: Alternative, observed: Answer) -> list[Difference]:
    rcodes = {Kind.NODATA: {"NOERROR"}, Kind.NXDOMAIN: {"NXDOMAIN"}}.get(wanted.kind, {"NOERROR", "NXDOMAIN"})
    found = _rcode(frozenset(rcodes), observed, expected.rule)
    found += [Difference(str(each), "absent", "present", expected.rule) for each in observed.answer]
    soas = [each.canonical() for each in observed.authority if each.type == "SOA"]
    found += [
        Difference(f"authority {each.type} {each.owner}", "only the SOA", "present", "RFC 2308 2.1")
        for each in observed.authority
        if each.type == "NS"
    ]
    if len(soas) != 1:
        found.append(Difference("authority", "exactly one SOA", f"{len(soas)} of them", "RFC 2308 2.1, 2.2"))
    for soa in soas:
        found += _negative_soa(expected, soa)
    return found


def _negative_soa(expected: Expected, soa: Record) -> list[Difference]:
    found = []
    if not is_within(expected.question.name, soa.owner):
        found.append(Difference("owner of the SOA", "a zone that holds the name", soa.owner, "RFC 2308 3"))
    elif is_within(expected.question.name, expected.zone) and soa.owner != expected.zone:
        found.append(Difference("owner of the SOA", expected.zone, soa.owner, "DNS-016"))
    words = soa.rdata.split()
    if len(words) != 7 or not all(each.isdigit() for each in words[2:]):
        return [*found, Difference("SOA", "seven fields, five of them numbers", soa.rdata, "RFC 1035 3.3.13")]
    if (lifetime := min(soa.ttl, int(words[6]))) > expected.negative_ttl:
        bound = f"at most {expected.negative_ttl} s"
        found.append(Difference("lifetime of the negative answer", bound, f"{lifetime} s", "RFC 2308 5"))
    return found


def _apex_soa(expected: Expected, observed: Answer) -> list[Difference]:
    found = _rcode(frozenset({"NOERROR"}), observed, expected.rule)
    owners = [canonical_name(each.owner) for each in observed.answer if each.type == "SOA"]
    if owners != [expected.zone] or len(observed.answer) != 1:
        seen = ", ".join(f"{each.owner} {each.type}" for each in observed.answer) or "nothing"
        return [*found, Difference("answer", f"one SOA of {expected.zone}", seen, expected.rule)]
    return found + _soa_numbers(observed.answer[0].canonical())


def _soa_numbers(soa: Record) -> list[Difference]:
    """Serial, refresh, retry, expire, minimum: numbers, and those that are intervals not zero."""
    words = soa.rdata.split()[2:]
    if len(words) == 5 and all(each.isdigit() for each in words) and all(int(each) > 0 for each in words[1:4]):
        return []
    return [Difference("SOA", "a serial and four intervals", soa.rdata, "RFC 1035 3.3.13")]


def _not_ours(expected: Expected, observed: Answer) -> list[Difference]:
    """Nothing in it may come from the cluster's zone."""
    found = []
    addresses = {rdata for _, rtype, rdata in expected.truth if rtype in ADDRESSES}
    for record in map(Record.canonical, observed.answer):
        names = [record.owner, *(word for word in record.rdata.split() if word.endswith("."))]
        if any(is_within(each, expected.zone) for each in names) or record.rdata in addresses:
            found.append(Difference(str(record), "nothing of the cluster's zone", "present", expected.rule))
    found += [
        Difference(f"SOA of {each.owner}", "another zone's, or none", "present", expected.rule)
        for each in map(Record.canonical, observed.authority)
        if each.type == "SOA" and each.owner == expected.zone
    ]
    return found


def _rcode(wanted: frozenset[str], observed: Answer, rule: str) -> list[Difference]:
    if observed.rcode in wanted:
        return []
    return [Difference("rcode", " or ".join(sorted(wanted)), observed.rcode, rule)]


def _reached(name: str, records: Iterable[Record]) -> set[str]:
    """The name asked for and what CNAMEs lead to from it."""
    links = {each.owner: each.rdata for each in records if each.type == "CNAME"}
    found = {name}
    while (target := links.get(name)) is not None and target not in found:
        found.add(target)
        name = target
    return found


def _beyond(owners: frozenset[str], records: list[Record]) -> set[str]:
    return set().union(*(_reached(each, records) for each in owners))


def fact(record: Record) -> Fact:
    """A record as it is compared; SRV without priority and weight."""
    canonical = record.canonical()
    words = canonical.rdata.split()
    if record.type == "SRV" and len(words) == 4:
        return (canonical.owner, "SRV", " ".join(words[2:]))
    return (canonical.owner, canonical.type, canonical.rdata)


def _weight(record: Record) -> int:
    words = record.rdata.split()
    return int(words[1]) if len(words) == 4 and words[1].isdigit() else 0
