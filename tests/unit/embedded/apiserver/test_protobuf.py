"""Reading Kubernetes protobuf, with messages built by hand."""

import pytest

from harness.embedded.apiserver.protobuf import MAGIC, NUMBERS, UnreadableError, decode
from harness.embedded.store.schema import struct_named


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def message(api_version: str, kind: str, raw: bytes) -> bytes:
    return MAGIC + field(1, field(1, api_version) + field(2, kind)) + field(2, raw) + field(3, "") + field(4, "")


def test_a_config_map_is_read():
    """Names, maps of text and of bytes arrive; what is empty on the wire is absent."""
    metadata = field(1, "x") + field(2, "") + field(3, "ns") + field(8, b"")
    data = field(2, field(1, "a") + field(2, "1")) + field(2, field(1, "b") + field(2, ""))
    binary = field(3, field(1, "z") + field(2, b"\x00\xff"))
    assert decode(message("v1", "ConfigMap", field(1, metadata) + data + binary)) == {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": "x", "namespace": "ns"},
        "data": {"a": "1", "b": ""},
        "binaryData": {"z": "AP8="},
    }


def test_a_service_is_read():
    """Lists of messages, numbers and int-or-string values arrive."""
    number = field(1, 0) + field(2, 8080) + field(3, "")
    name = field(1, 1) + field(2, 0) + field(3, "web")
    ports = b"".join(
        field(1, field(1, "") + field(2, "TCP") + field(3, 80) + field(4, target) + field(5, 0))
        for target in (number, name)
    )
    made = decode(message("v1", "Service", field(2, ports + field(4, "ClusterIP"))))
    assert made["spec"] == {
        "ports": [
            {"protocol": "TCP", "port": 80, "targetPort": 8080},
            {"protocol": "TCP", "port": 80, "targetPort": "web"},
        ],
        "type": "ClusterIP",
    }


def test_an_explicit_zero_of_an_optional_number_stays():
    """`replicas: 0` says something; `minReadySeconds: 0` on the wire does not."""
    made = decode(message("apps/v1", "Deployment", field(2, field(1, 0) + field(5, 0))))
    assert made["spec"] == {"replicas": 0}


def test_negative_numbers_are_read():
    """Negative numbers take ten bytes on the wire and come back negative."""
    made = decode(message("v1", "DeleteOptions", field(1, -1) + field(5, "All")))
    assert made == {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": -1, "dryRun": ["All"]}


def test_times_are_read():
    """A time is written as the JSON form has it; the zero time is no time."""
    raw = field(1, field(8, field(1, 1_800_000_000) + field(2, 0)))
    assert decode(message("v1", "Namespace", raw))["metadata"] == {"creationTimestamp": "2027-01-15T08:00:00Z"}


def test_an_unknown_field_is_refused():
    """A field this reader has no name for is never dropped in silence."""
    with pytest.raises(UnreadableError, match="field 99 of PodSpec"):
        raw = field(2, field(3, field(2, field(99, 1))))
        decode(message("apps/v1", "Deployment", raw))


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        MAGIC + b"\x0a\x7f",
        message("v1", "Widget", b""),
        message("v1", "ConfigMap", b"\x0a"),
        message("v1", "ConfigMap", b"\x09" + b"\x00" * 8),
        message("v1", "ConfigMap", field(1, 7)),
        message("v1", "Node", field(1, b"")),
    ],
)
def test_what_cannot_be_read_is_refused(body):
    """Broken messages and kinds without numbers end in one kind of error."""
    with pytest.raises(UnreadableError):
        decode(body)


def test_every_number_names_a_field_of_the_store():
    """The table of numbers has no name that the field tables do not have."""
    tables = (
        "core",
        "apps",
        "authentication",
        "authorization",
        "coordination",
        "policy",
        "meta",
        "autoscaling",
        "batch",
    )
    for name, numbers in NUMBERS.items():
        for table in tables:
            try:
                fields = struct_named(name, table=table).fields
            except StopIteration:
                continue
            assert set(numbers.values()) <= set(fields), name
            break
        else:
            pytest.fail(f"no struct {name}")
