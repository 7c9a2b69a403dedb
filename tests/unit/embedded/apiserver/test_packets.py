"""PacketTrace as a client meets it: answered and never stored; what cannot be a packet is refused with every reason."""

from tests.unit.embedded.apiserver.served_here import served

PATH = "/apis/faults.harness.dev/v1/packettraces"
SPEC = {"source": "10.244.0.5", "destination": "10.96.0.1", "protocol": "TCP", "port": 80}
WRONG = (
    ({"source": "x/a"}, ["spec.source"]),
    ({"destination": None}, ["spec.destination"]),
    ({"protocol": "ICMP", "port": 0}, ["spec.protocol", "spec.port"]),
    ({"port": True}, ["spec.port"]),
    ({"port": "80"}, ["spec.port"]),
    ({"port": 65536}, ["spec.port"]),
    ({"destination": "fd00::1"}, ["spec.destination"]),
)


def trace(**spec):
    """The object that asks."""
    return {"apiVersion": "faults.harness.dev/v1", "kind": "PacketTrace", "metadata": {}, "spec": {**SPEC, **spec}}


@served
async def test_it_is_answered_with_its_paths(client):
    """The same object comes back with a status; nobody can list what was asked, and no nodes have no paths."""
    code, body = await client.ask("POST", PATH, trace())
    assert (code, body["spec"], body["kind"], body["status"]) == (201, SPEC, "PacketTrace", {"paths": []})
    assert (await client.ask("GET", PATH))[0] == 405


@served
async def test_what_is_no_packet_is_refused(client):
    """422 with a cause for each field that is wrong."""
    for spec, fields in WRONG:
        code, body = await client.ask("POST", PATH, trace(**spec))
        assert (code, [cause["field"] for cause in body["details"]["causes"]]) == (422, fields), spec
