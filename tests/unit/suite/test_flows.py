"""Tables of flows: an open one is open, a denial needs its control, and no lie of the network passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from harness.effects.clock import FakeClock
from harness.expect import Symptom
from harness.model.judgement import Broken, Unmeasured
from harness.model.outcome import Seen, Verdict
from harness.model.refs import Family, NamespacedName
from harness.model.waits import Waits
from harness.oracle.policy import Cell, Lane
from harness.probe.asks import Ask, Good, Tcp, Until
from harness.probe.results import LoopLook, LoopOutcome, Result
from harness.suite.arena import Arena
from harness.suite.check import Check
from harness.suite.flows import judge_policies, open_control, open_table, settle_policies, telling
from harness.world.manifests import policy
from tests.unit.suite.ground import Ground, Lie, Network, looped

LANE = Lane(80, "TCP")
DENY_ALL: Mapping[str, Any] = {"podSelector": {}, "policyTypes": ["Ingress"]}


def saying(source: str, ground: Ground, to: str, seen: Seen, *, error: str = "a lie") -> Lie:
    """One pod's flows to another come to this."""
    address = ground.base.pods[to].address()

    def lie(client: str, ask: Ask) -> Result | None:
        mine = isinstance(ask, Tcp) and client == source and ask.host == address
        return Result(ask, client, seen, error=error) if mine else None

    return lie


def impostor(ground: Ground, to: str, really: str) -> Lie:
    """Whoever dials one pod is answered by another."""
    address = ground.base.pods[to].address()

    def lie(client: str, ask: Ask) -> Result | None:
        if isinstance(ask, Tcp) and ask.host == address:
            return ground.network.truth(client, replace(ask, host=ground.base.pods[really].address()))
        return None

    return lie


def denied_into(ground: Ground, *letters: str) -> Lie:
    """What a data plane does that lets nobody into pods of these namespaces, except themselves."""
    into = {ground.base.pods[ref].address(): ref for ref in ground.base.table if ref[0] in letters}

    def lie(client: str, ask: Ask) -> Result | None:
        target = into.get(ask.host) if isinstance(ask, Tcp) else None
        return Result(ask, client, Seen.SILENT) if target and target != client else None

    return lie


def opened(ground: Ground) -> tuple[Any, dict[Cell, Seen]]:
    return look(ground.lease())


def look(arena: Arena) -> tuple[Any, dict[Cell, Seen]]:
    return open_table(arena, lanes=[LANE], family=Family.V4)


def controlled(ground: Ground) -> tuple[Check, dict[Cell, Seen]]:
    check = Check(promise="Only the admitted can talk.", ids=["POL-101"], clock=FakeClock(), waits=Waits())
    return check, open_control(ground.lease(), check, lanes=[LANE], family=Family.V4)


def with_trail(*trail: tuple[float, Seen], first_good: float | None, network: Network) -> None:
    """Every loop of the network has this trail, and ends well."""
    truth = network._one

    def told(pod: NamespacedName, ask: Ask) -> Result:
        result = truth(pod, ask)
        assert result.loop is not None
        looks = tuple(LoopLook(at, replace(result, seen=seen, loop=None)) for at, seen in trail)
        return replace(result, loop=replace(result.loop, trail=looks, first_good=first_good))

    network._one = told  # type: ignore[method-assign]


def judged(ground: Ground, control: Mapping[Cell, Seen]) -> Check:
    check = Check(promise="Only the admitted can talk.", ids=["POL-101"], clock=FakeClock(), waits=Waits())
    judge_policies(ground.lease(), check, lanes=[LANE], family=Family.V4, control=control)
    return check


def applied(ground: Ground) -> None:
    """Nobody may enter x."""
    ground.lease().apply(policy("deny", DENY_ALL))


def test_an_open_table_is_open(ground: Ground) -> None:
    """Every pair reached, each by the pod that was asked: nothing is wrong, and all of it is a control."""
    findings, saw = opened(ground)
    assert findings.verdict is Verdict.PASS
    assert len(saw) == 81
    assert set(saw.values()) == {Seen.REACHED}


@pytest.mark.parametrize(
    ("seen", "verdict", "symptom"),
    [
        (Seen.SILENT, Verdict.FAIL, Symptom.POD_ADDRESS_FAILS),
        (Seen.REFUSED, Verdict.FAIL, Symptom.POD_ADDRESS_FAILS),
        (Seen.UNMEASURED, Verdict.UNKNOWN, Symptom.UNMEASURED),
    ],
)
def test_a_cell_that_is_not_open_shows(ground: Ground, seen: Seen, verdict: Verdict, symptom: Symptom) -> None:
    """One closed cell breaks the table, one lost probe makes it unknown, and only the first blames the network."""
    ground.network.lies.append(saying("x/a", ground, "y/b", seen))
    findings, _ = opened(ground)
    assert (findings.verdict, findings.symptoms) == (verdict, {symptom})


def test_an_impostor_is_not_the_pod_that_was_asked(ground: Ground) -> None:
    """An answer proves who gave it: another pod's answer breaks an open table and is no positive control."""
    ground.network.lies.append(impostor(ground, "y/b", "z/c"))
    findings, saw = opened(ground)
    assert findings.verdict is Verdict.FAIL
    assert saw[Cell("x/a", "y/b", LANE)] is Seen.UNMEASURED
    (told,) = [each.seen for each in findings.differences if each.what == "x/a → y/b 80/TCP answer"]
    assert ground.base.pods["z/c"].full in told


def test_an_answer_to_another_question_is_no_answer(ground: Ground) -> None:
    """A nonce that is not the question's proves nothing, though the name in the answer is right."""
    truth = ground.network.truth

    def replayed(client: str, ask: Ask) -> Result | None:
        told = truth(client, ask)
        return replace(told, error="the answer carries the nonce n1, not n2") if client == "x/a" else None

    ground.network.lies.append(replayed)
    _, saw = opened(ground)
    assert {cell for cell, one in saw.items() if one is not Seen.REACHED} == {
        cell for cell in saw if cell.source == "x/a"
    }


def hasty_lost(ground: Ground, to: str) -> Lie:
    """What an overloaded cluster does: short looks at a pod are lost, patient ones are not."""
    address, patient = ground.base.pods[to].address(), Waits().denied_retry_timeout

    def loaded(client: str, ask: Ask) -> Result | None:
        hasty = isinstance(ask, Tcp) and ask.host == address and ask.timeout < patient
        return Result(ask, client, Seen.SILENT) if hasty else None

    return loaded


def test_a_few_silent_cells_are_asked_again_alone(ground: Ground) -> None:
    """Overload is not denial: a cell that answers when it is asked again, with a longer limit, was open."""
    ground.network.lies.append(hasty_lost(ground, "y/b"))
    assert opened(ground)[0].verdict is Verdict.PASS


def test_an_overloaded_cluster_is_pressed_less(ground: Ground) -> None:
    """A look that lost open cells in its burst makes later bursts smaller, down to a limit; others do not."""
    arena = ground.lease()
    look(arena)
    assert ground.network.parallel == [0], "all at once"
    ground.network.lies.append(hasty_lost(ground, "y/b"))
    look(arena)
    ground.network.parallel.clear()
    look(arena)
    assert ground.network.parallel[0] == 18
    for _ in range(9):
        look(arena)
    assert (ground.base.pace.parallel, ground.base.pace.spacing(0.25)) == (4, 2.0)


def test_what_the_first_burst_of_a_test_misses_is_no_overload(ground: Ground) -> None:
    """Policies of the test before may still have closed it: a pace once eased is eased for all that follows."""
    ground.network.lies.append(hasty_lost(ground, "y/b"))
    for _ in range(9):
        opened(ground)
    assert ground.base.pace.parallel == 0


def test_a_closed_cell_is_no_overload(ground: Ground) -> None:
    """A cell that is silent alone, too, says nothing about load."""
    ground.network.lies.append(saying("x/a", ground, "y/b", Seen.SILENT))
    arena = ground.lease()
    for _ in range(2):
        look(arena)
    assert ground.base.pace.parallel == 0


def test_an_open_control_is_open(ground: Ground) -> None:
    """The pods look by themselves; every cell that was open for a streak is a control, and nothing is judged by it."""
    check, saw = controlled(ground)
    assert set(saw.values()) == {Seen.REACHED}
    assert {ask.do for _, ask in ground.network.asked} == {"until"}
    assert list(check.settled) == ["positive control open"]
    assert not check.done


@pytest.mark.parametrize("seen", [Seen.SILENT, Seen.REFUSED, Seen.UNMEASURED])
def test_a_control_that_is_closed_proves_nothing(ground: Ground, seen: Seen) -> None:
    """It is UNKNOWN whatever closes it, never a FAIL of the promise that it is the control of."""
    ground.network.lies.append(saying("x/a", ground, "y/b", seen))
    with pytest.raises(Unmeasured, match="x/a → y/b"):
        controlled(ground)


def test_an_impostor_is_no_control(ground: Ground) -> None:
    """Another pod's answer does not show that the one that was asked can be reached."""
    ground.network.lies.append(impostor(ground, "y/b", "z/c"))
    with pytest.raises(Unmeasured, match="positive control"):
        controlled(ground)


def test_a_control_that_opens_late_is_no_overload(ground: Ground) -> None:
    """Cells that were closed and then open were closed by what is going away."""
    with_trail((1.0, Seen.SILENT), (1.5, Seen.REACHED), first_good=1.5, network=ground.network)
    controlled(ground)
    assert ground.base.pace.spacing(0.25) == 0.25


def test_a_control_that_loses_looks_is_overload(ground: Ground) -> None:
    """Cells that were open and then lost a look are asked at a slower pace from then on."""
    trail = ((1.0, Seen.REACHED), (1.25, Seen.SILENT), (1.5, Seen.REACHED))
    with_trail(*trail, first_good=1.0, network=ground.network)
    controlled(ground)
    assert ground.base.pace.spacing(0.25) == 0.5


def test_an_empty_table_proves_nothing(ground: Ground) -> None:
    """No pairs are no open pairs."""
    findings, _ = open_table(ground.lease(), lanes=[LANE], family=Family.V4, pairs=[])
    assert findings.verdict is Verdict.UNKNOWN


def test_policies_that_hold_hold(ground: Ground) -> None:
    """Denied cells silent, admitted cells reached, every denial controlled: nothing is wrong."""
    _, control = opened(ground)
    applied(ground)
    ground.network.lies.append(denied_into(ground, "x"))
    assert judged(ground, control).done


def test_parts_of_a_table_are_judged_apart(ground: Ground) -> None:
    """A cell that is wrong breaks the part it lies in and no other; a part without cells proves nothing."""
    applied(ground)
    ground.network.lies.append(denied_into(ground, "x", "z"))
    check = Check(promise="p", ids=["POL-101"], clock=FakeClock(), waits=Waits())
    control = {Cell(one, two, LANE): Seen.REACHED for one in ground.base.table for two in ground.base.table}
    arena = ground.lease()
    table = settle_policies(arena, check, lanes=[LANE], family=Family.V4, control=control)
    assert table.findings(lambda cell: cell.destination[0] == "x").verdict is Verdict.PASS
    assert table.findings(lambda cell: cell.destination[0] == "z").verdict is Verdict.FAIL
    assert table.findings(lambda cell: False).verdict is Verdict.UNKNOWN  # none of them


def test_a_table_may_be_of_some_pods(ground: Ground) -> None:
    """Only the pairs of the pods that are named are asked, wanted and judged."""
    check = Check(promise="p", ids=["POL-101"], clock=FakeClock(), waits=Waits())
    pair = ("x/a", "y/b")
    arena = ground.lease()
    control = open_control(arena, check, lanes=[LANE], family=Family.V4, refs=pair)
    table = settle_policies(arena, check, lanes=[LANE], family=Family.V4, control=control, refs=pair)
    assert set(control) == set(table.want) == {Cell(one, two, LANE) for one in pair for two in pair}
    assert table.findings().verdict is Verdict.PASS


def test_a_policy_that_is_ignored_is_broken(ground: Ground) -> None:
    """Cells that stay open are named, with the policy that closes them and the layer at fault."""
    _, control = opened(ground)
    applied(ground)
    with pytest.raises(Broken) as failure:
        judged(ground, control)
    assert "policy (packets pass that no rule admits)" in str(failure.value)
    assert "deny" in str(failure.value)


def test_a_policy_that_closes_too_much_is_broken(ground: Ground) -> None:
    """Cells that nobody denied must stay open."""
    _, control = opened(ground)
    applied(ground)
    ground.network.lies.append(denied_into(ground, "x", "y"))
    with pytest.raises(Broken, match="it worked until the policy came"):
        judged(ground, control)


def test_denials_without_their_control_are_unknown(ground: Ground) -> None:
    """A pod that was silent before any policy came proves no denial."""
    ground.network.lies.append(denied_into(ground, "x"))
    _, control = opened(ground)
    applied(ground)
    with pytest.raises(Unmeasured, match="positive control"):
        judged(ground, control)


def test_a_lost_probe_is_no_denial(ground: Ground) -> None:
    """Probes that broke where silence was wanted make the table unknown, not right."""
    _, control = opened(ground)
    applied(ground)
    ground.network.lies += [saying("y/b", ground, "x/a", Seen.UNMEASURED), denied_into(ground, "x")]
    with pytest.raises(Unmeasured, match="nothing was measured"):
        judged(ground, control)


def test_an_impostor_where_an_answer_was_wanted_is_broken(ground: Ground) -> None:
    """A cell that another pod answers is neither open nor denied: the flow went astray."""
    _, control = opened(ground)
    applied(ground)
    ground.network.lies += [denied_into(ground, "x"), impostor(ground, "y/b", "z/c")]
    with pytest.raises(Broken, match="answers prove who gave them"):
        judged(ground, control)


def test_a_loop_that_never_was_steady_is_what_stood_in_its_way() -> None:
    """A flapping cell whose very last look was good is not open."""
    ask = Until(Tcp("10.0.0.1", 80), Good())
    good, bad = Result(ask, "x/a", Seen.REACHED), Result(ask, "x/a", Seen.SILENT)
    flapping = looped(ask, good, outcome=LoopOutcome.BAD)
    assert flapping.loop is not None
    trail = (LoopLook(1.0, good), LoopLook(2.0, bad), LoopLook(3.0, good))
    flapping = replace(flapping, loop=replace(flapping.loop, trail=trail))
    assert telling(flapping).seen is Seen.SILENT


def test_a_loop_that_could_not_tell_is_unmeasured() -> None:
    """Whatever the last look of such a loop saw."""
    ask = Until(Tcp("10.0.0.1", 80), Good())
    told = looped(ask, Result(ask, "x/a", Seen.REACHED), outcome=LoopOutcome.UNKNOWN)
    assert telling(told).seen is Seen.UNMEASURED


def test_silent_cells_must_be_steady_when_asked_again(ground: Ground) -> None:
    """One lucky answer does not make an admitted cell open: asked again it has to answer in a row."""
    _, control = opened(ground)
    applied(ground)
    ground.network.lies += [saying("x/a", ground, "y/b", Seen.SILENT), denied_into(ground, "x")]
    before = len(ground.network.asked)
    with pytest.raises(Broken):
        judged(ground, control)
    again = ground.network.asked[before + 81 :]
    assert [(source, ask.do) for source, ask in again] == [("x/a", "until")]
