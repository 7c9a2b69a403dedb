"""DNS values: reading, printing and comparing records."""

from __future__ import annotations

import pytest

from harness.model.dns import Answer, Question, Record, canonical_name, canonical_rdata


def test_a_record_reads_and_prints_the_same_text() -> None:
    """Zone-file text goes through unchanged."""
    for text in (
        "a.b. 30 IN A 10.0.0.1",
        "_http._tcp.a.b. 5 IN SRV 0 100 80 a.b.",
        'dns-version.b. 30 IN TXT "1.1.0"',
        "b. 30 IN SOA ns.b. h.b. 1 2 3 4 5",
    ):
        assert str(Record.parse(text)) == text


@pytest.mark.parametrize("text", ["", "a. 30 IN A", "a. thirty IN A 10.0.0.1"])
def test_what_is_no_record_is_refused(text: str) -> None:
    """Half a record is not read as a whole one."""
    with pytest.raises(ValueError, match="not a record"):
        Record.parse(text)


@pytest.mark.parametrize(
    ("rtype", "rdata", "canonical"),
    [
        ("A", "10.0.0.1", "10.0.0.1"),
        ("A", "not an address", "not an address"),
        ("A", "256.0.0.1", "256.0.0.1"),
        ("AAAA", "FD00:0:0::0001", "fd00::1"),
        ("SRV", "0 100 80 Web.X.Svc", "0 100 80 web.x.svc."),
        ("SRV", "0 100", "0 100"),
        ("CNAME", "Foo.Example.COM.", "foo.example.com."),
        ("SOA", "NS.b. H.b. 1 2 3 4 5", "ns.b. h.b. 1 2 3 4 5"),
        ("TXT", '"Kept As Is"', '"Kept As Is"'),
    ],
)
def test_rdata_compares_without_case_and_spelling(rtype: str, rdata: str, canonical: str) -> None:
    """Names and addresses have one spelling, other data is left alone."""
    assert canonical_rdata(rtype, rdata) == canonical
    record = Record("A.b", rtype, rdata, 5).canonical()
    assert (record.owner, record.rdata, record.ttl) == ("a.b.", canonical, 5)


def test_names_are_absolute_and_lower_case() -> None:
    """A missing last dot is added once."""
    assert canonical_name("A.b") == canonical_name("a.B.") == "a.b."


def test_flags_are_read_from_the_set() -> None:
    """TC and AA are what the wire said."""
    assert Answer("NOERROR", frozenset({"QR", "TC"})).tc
    assert not Answer("NOERROR").aa


def test_a_question_prints_its_class_only_when_odd() -> None:
    """IN goes without saying."""
    assert str(Question("a.", "A")) == "a. A"
    assert str(Question("version.bind.", "TXT", "CH")) == "version.bind. CH TXT"
