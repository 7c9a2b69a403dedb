"""JUnit XML from a run's record: FAIL is `<failure>`, UNKNOWN is `<error>`, SKIP is `<skipped>`.

What is known to be broken turns no run red, and is skipped here, too: the message says what it is.

The test engine's own `--junitxml` knows no third outcome; `corrected` makes its file say the same as ours.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from harness.report import capabilities
from harness.report.record import KNOWN, RunRecord, TestRecord

ELEMENTS = {"FAIL": "failure", "UNKNOWN": "error", "SKIP": "skipped"}
UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]")
"""Characters XML 1.0 cannot carry, such as a terminal's colours."""


VERDICT = "harness-verdict"
"""Name of the property by which a case of the test engine's own file tells our verdict."""


def render(run: RunRecord) -> bytes:
    """The document, UTF-8 with its declaration."""
    unended = () if run.whole else (_unended(run),)
    elements = [_element(test) for test in (*run.tests, *unended)]
    suite = ET.Element(
        "testsuite",
        name="harness",
        tests=str(len(elements)),
        failures=str(elements.count("failure")),
        errors=str(elements.count("error")),
        skipped=str(elements.count("skipped")),
        time=f"{run.seconds:.3f}",
        timestamp=run.started,
    )
    properties = ET.SubElement(suite, "properties")
    about = {"run": run.run, "state": str(run.state), **run.cluster}
    about.pop("capabilities", None)
    for name, value in {**about, **dict(capabilities.properties(capabilities.facts_in(run.cluster)))}.items():
        ET.SubElement(properties, "property", name=name, value=_clean(str(value)))
    for test in (*run.tests, *unended):
        suite.append(_case(test))
    root = ET.Element("testsuites")
    root.append(suite)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _unended(run: RunRecord) -> TestRecord:
    """A case that is not known: who reads only how many failed must not take half a run for a good one."""
    why = f"{run.state} after {len(run.tests)} of {len(run.selected)} tests{f': {run.why}' if run.why else ''}"
    return TestRecord("harness::the run came to its end", (), "", "UNKNOWN", why)


def _case(test: TestRecord) -> ET.Element:
    file, _, name = test.name.partition("::")
    case = ET.Element(
        "testcase", classname=file.removesuffix(".py").replace("/", "."), name=name, time=f"{test.seconds:.3f}"
    )
    properties = ET.SubElement(case, "properties")
    for id_ in test.ids:
        ET.SubElement(properties, "property", name="requirement", value=id_)
    if element := _element(test):
        first = test.reason.strip().splitlines()[0] if test.reason.strip() else test.verdict
        first = f"{KNOWN}{test.known}" if test.known else first
        ET.SubElement(case, element, message=_clean(first)).text = _clean(test.reason)
    return case


def _element(test: TestRecord) -> str:
    return "skipped" if test.known else ELEMENTS.get(test.verdict, "")


def _clean(text: str) -> str:
    return UNPRINTABLE.sub("�", text)


def corrected(document: bytes) -> bytes:
    """The test engine's own file, with each failure of an UNKNOWN case turned into an error, counts included."""
    root = ET.fromstring(document)  # noqa: S314  # written by this very run
    for suite in root.iter("testsuite"):
        turned = [failure for case in suite.iter("testcase") if _unknown(case) for failure in case.findall("failure")]
        for failure in turned:
            failure.tag = "error"
        suite.set("failures", str(int(suite.get("failures", "0")) - len(turned)))
        suite.set("errors", str(int(suite.get("errors", "0")) + len(turned)))
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _unknown(case: ET.Element) -> bool:
    told = [each.get("value") for each in case.iter("property") if each.get("name") == VERDICT]
    return "UNKNOWN" in told
