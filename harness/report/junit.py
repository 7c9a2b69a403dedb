"""JUnit XML from a run's record: FAIL is `<failure>`, UNKNOWN is `<error>`, SKIP is `<skipped>`."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from harness.report.record import RunRecord, TestRecord

ELEMENTS = {"FAIL": "failure", "UNKNOWN": "error", "SKIP": "skipped"}
UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]")
"""Characters XML 1.0 cannot carry, such as a terminal's colours."""


def render(run: RunRecord) -> bytes:
    """The document, UTF-8 with its declaration."""
    verdicts = [test.verdict for test in run.tests]
    suite = ET.Element(
        "testsuite",
        name="harness",
        tests=str(len(verdicts)),
        failures=str(verdicts.count("FAIL")),
        errors=str(verdicts.count("UNKNOWN")),
        skipped=str(verdicts.count("SKIP")),
        time=f"{run.seconds:.3f}",
        timestamp=run.started,
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in {"run": run.run, **run.cluster}.items():
        ET.SubElement(properties, "property", name=name, value=_clean(str(value)))
    for test in run.tests:
        suite.append(_case(test))
    root = ET.Element("testsuites")
    root.append(suite)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _case(test: TestRecord) -> ET.Element:
    file, _, name = test.name.partition("::")
    case = ET.Element(
        "testcase", classname=file.removesuffix(".py").replace("/", "."), name=name, time=f"{test.seconds:.3f}"
    )
    properties = ET.SubElement(case, "properties")
    for id_ in test.ids:
        ET.SubElement(properties, "property", name="requirement", value=id_)
    if (element := ELEMENTS.get(test.verdict)) is not None:
        first = test.reason.strip().splitlines()[0] if test.reason.strip() else test.verdict
        ET.SubElement(case, element, message=_clean(first)).text = _clean(test.reason)
    return case


def _clean(text: str) -> str:
    return UNPRINTABLE.sub("�", text)
