"""Which known deviations a cluster has, by what was found in it; and that those told here name real promises."""

from __future__ import annotations

import pytest

from harness.clusters import cni, declared, deviations
from harness.clusters.deviations import Deviation
from harness.model.capability import Fact
from harness.report.catalogue import installed

STALE = Deviation("flows stay", "https://example.com/1", ("T-1",), kubernetes="1.32 to 1.36", component="kube-proxy")


def there(value: str) -> Fact:
    return Fact.yes(value, why="it was seen")


PROXY = {"kp": there("iptables")}


@pytest.mark.parametrize(
    ("found", "applies"),
    [
        pytest.param({"kubernetes": there("v1.36.2"), **PROXY}, True, id="both"),
        pytest.param({"kubernetes": there("v1.37.0"), **PROXY}, False, id="mended-since"),
        pytest.param({"kubernetes": there("v1.36.2"), "kp": Fact.no(why="none")}, False, id="without-the-component"),
        pytest.param({"kubernetes": Fact.unknown(why="lost"), **PROXY}, False, id="unknown-version"),
        pytest.param({}, False, id="nothing-found"),
    ],
)
def test_a_deviation_is_known_where_it_is_there(found: dict[str, Fact], applies: bool) -> None:
    """Of the versions it is in, beside the component that has it; what is not known excuses nothing."""
    assert bool(deviations.known([STALE], found)) is applies


def test_those_of_the_plugin_that_was_found_count() -> None:
    """On a cluster somebody else made, too: by the plugin's name, whatever else is beside it."""
    found = {"cni": there("kindnet and something"), "kubernetes": there("v1.36.2"), **PROXY}
    several = deviations.known(declared.deviations(None, found), found)
    assert set(several) == {"POL-470", "POL-654", "SVC-206"}
    assert all("https://github.com/" in text for text in several.values())
    assert not deviations.known(declared.deviations(None, {"cni": there("unheard-of")}), {})


def test_those_that_come_with_the_harness_name_promises_of_the_catalogue() -> None:
    """A misspelt id would excuse nothing, in silence."""
    several = [*deviations.bundled(), *(each for name in cni.names() for each in cni.load(name).deviations)]
    assert {id_ for each in several for id_ in each.ids} <= set(installed().requirements)
