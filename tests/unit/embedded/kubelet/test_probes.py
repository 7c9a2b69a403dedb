"""Probes as a state machine."""

import pytest

from harness.embedded.kubelet.probes import Method, Probe, Role, Tally, of_container, path_of, port_of
from tests.unit.embedded.kubelet.pods_by_hand import container


def probe(role: Role = Role.READINESS, method: Method = Method.HTTP, **more: int) -> Probe:
    return Probe(role, method, {}, **more)  # type: ignore[arg-type]  # numbers only


def after(answers: str, one: Probe) -> Tally:
    tally = Tally()
    for answer in answers:
        tally = tally.after(answer == "+", one)
    return tally


@pytest.mark.parametrize(
    ("answers", "good"),
    [
        ("", None),
        ("+", True),
        ("-", None),
        ("--", None),
        ("---", False),
        ("+--", True),
        ("+---", False),
        ("--+--", True),
        ("---+", True),
    ],
)
def test_three_failures_in_a_row_make_it_bad_and_one_success_good(answers: str, good: bool | None) -> None:
    """With the API's default thresholds only rows of answers count."""
    assert after(answers, probe()).good is good


def test_a_success_threshold_is_a_row_too() -> None:
    """successThreshold 2 needs two in a row after a failure."""
    one = probe(successes=2)
    assert after("---+", one).good is False
    assert after("---+-++", one).good is True


def test_a_starting_container_is_asked_again_soon() -> None:
    """Before its first success readiness is asked in growing steps, never later than its period."""
    one = probe(period=1)
    delays = [one.delay_after(failed=n, ever=False) for n in range(1, 40)]
    assert delays[0] == pytest.approx(0.02)
    assert delays == sorted(delays)
    assert max(delays[:30]) <= 0.1
    assert delays[-1] == 1


def test_an_exec_probe_is_not_asked_as_often() -> None:
    """A look that costs a process is spaced up to the period."""
    one = probe(method=Method.EXEC, period=10)
    assert one.delay_after(failed=20, ever=False) == 1.0


@pytest.mark.parametrize(
    ("role", "failed", "ever"),
    [(Role.READINESS, 1, True), (Role.READINESS, 0, False), (Role.LIVENESS, 2, False), (Role.STARTUP, 2, False)],
)
def test_everything_else_is_asked_once_a_period(role: Role, failed: int, ever: bool) -> None:
    """Failures that count towards a restart are never hurried."""
    assert probe(role, period=5).delay_after(failed=failed, ever=ever) == 5


def test_defaults_are_the_apis() -> None:
    """What a probe does not say is ten seconds, one second, one success, three failures."""
    one = of_container(container(livenessProbe={"tcpSocket": {"port": 80}}), Role.LIVENESS)
    assert one is not None
    assert (one.method, one.period, one.timeout, one.successes, one.failures) == (Method.TCP, 10, 1, 1, 3)


def test_no_probe_is_none() -> None:
    """A container without a probe of that role has none."""
    assert of_container(container(), Role.STARTUP) is None


def test_ports_are_numbers_or_names() -> None:
    """A named port is the container's own; an unknown name is an error."""
    one = container(ports=[{"name": "web", "containerPort": 8080}])
    assert [port_of(one, port) for port in (80, "80", "web")] == [80, 80, 8080]
    with pytest.raises(ValueError, match="couldn't find port"):
        port_of(one, "none")


def test_a_path_begins_with_a_slash() -> None:
    """A path without one gets one."""
    assert (path_of("ready"), path_of("/ready")) == ("/ready", "/ready")
