"""The proxy subresource: who is asked, what is passed on, what comes back, and what is refused."""

from __future__ import annotations

import asyncio
import socket

import pytest

from harness.embedded.apiserver import proxy
from harness.embedded.apiserver.address import parse
from harness.embedded.store.errors import ApiError
from tests.unit.embedded.apiserver.served_here import X, served

HTTP = {"name": "http", "port": 80, "targetPort": 8080}


def a_slice(*addresses: str, port: int = 8080, name: str = "http", ready: bool | None = True) -> dict:
    endpoints = [{"addresses": [address], "conditions": {"ready": ready}} for address in addresses]
    return {"ports": [{"name": name, "port": port}], "endpoints": endpoints}


def targets(port: str, *slices: dict, ports: list | None = None) -> list[tuple[str, int]]:
    service = {"metadata": {"name": "s"}, "spec": {"ports": ports or [HTTP]}}
    return [(one.host, one.port) for one in proxy.service_targets(service, list(slices), "http", port)]


@pytest.mark.parametrize("port", ["", "http", "80"])
def test_a_port_is_found_by_name_and_number_and_when_it_is_the_only_one(port):
    """The endpoint's own port is asked, whichever way the Service's port is named."""
    assert targets(port, a_slice("10.0.0.1", "10.0.0.2")) == [("10.0.0.1", 8080), ("10.0.0.2", 8080)]


def test_only_ready_endpoints_of_that_port_are_asked():
    """Unready endpoints and slices of other ports are left out; unset readiness is readiness."""
    several = (a_slice("10.0.0.1", ready=False), a_slice("10.0.0.2", name="other"), a_slice("10.0.0.3", ready=None))
    assert targets("http", *several) == [("10.0.0.3", 8080)]
    assert targets("", *several, ports=[HTTP, {"name": "other", "port": 81}]) == []


def test_an_unknown_number_is_no_port():
    """A number that the Service does not have is refused by name."""
    with pytest.raises(ApiError, match='no service port 99 found for service "s"'):
        targets("99", a_slice("10.0.0.1"))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("s", ("http", "s", "")),
        ("s:80", ("http", "s", "80")),
        ("https:s:443", ("https", "s", "443")),
        ("http:s:", ("http", "s", "")),
    ],
)
def test_names_carry_scheme_and_port(text, parts):
    """`name`, `name:port`, `scheme:name:port`."""
    assert proxy.split(text, "service") == parts


@pytest.mark.parametrize("text", ["ftp:s:1", "a:b:c:d", ":80"])
def test_other_names_are_refused(text):
    """An unknown scheme, too many parts, no name."""
    with pytest.raises(ApiError, match="invalid service request"):
        proxy.split(text, "service")


def test_a_pod_is_asked_at_its_first_port_unless_told():
    """The declared port, the given one, the scheme's; not a name, and not without an address."""
    pod = {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"ports": [{"containerPort": 8080}]}]},
        "status": {"podIP": "10.0.0.1"},
    }
    assert proxy.pod_target(pod, "http", "").port == 8080
    assert proxy.pod_target(pod, "http", "81").port == 81
    assert proxy.pod_target({**pod, "spec": {"containers": [{}]}}, "https", "").port == 443
    with pytest.raises(ApiError, match="unknown port"):
        proxy.pod_target(pod, "http", "web")
    with pytest.raises(ApiError, match="has no address"):
        proxy.pod_target({**pod, "status": {}}, "http", "80")


def test_ipv6_addresses_stand_in_brackets():
    """So that the port can be told from the address."""
    assert str(proxy.Target("http", "fd00::1", 8080).url("/a", "b=c")) == "http://[fd00::1]:8080/a?b=c"


@pytest.mark.parametrize(
    ("path", "rest"),
    [("", ""), ("/", "/"), ("/a/b", "/a/b"), ("/a%2Fb/", "/a%2Fb/"), ("//x", "//x"), ("/proxy/y", "/proxy/y")],
)
def test_what_follows_is_passed_on_as_it_was_written(path, rest):
    """Also encoded, doubled and trailing slashes."""
    asked = f"{X}/pods/p:80/proxy{path}"
    assert proxy.below(asked) == rest
    place = parse(asked)
    assert place is not None
    assert (place.resource, place.name, place.subresource) == ("pods", "p:80", "proxy")


class Backend:
    """A server in this process that remembers what it was asked; reached through a pair of connected sockets."""

    def __init__(self, reply: bytes) -> None:
        self.reply, self.asked = reply, b""

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def _serve(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-le")), 0
        )
        self.asked = head + await reader.readexactly(length)
        writer.write(self.reply)
        await writer.drain()
        writer.close()


OK = b"HTTP/1.1 201 Made\r\ncontent-length: 2\r\nx-mine: 1\r\nconnection: close\r\n\r\nhi"


def a_pod_at(client, address="127.0.0.1"):
    pod = client.store.get("pods", "p", namespace="x")
    status = {**pod["status"], "podIP": address, "podIPs": [{"ip": address}]}
    client.store.update("pods", "p", {**pod, "status": status}, namespace="x", subresource="status")


@served
async def test_a_request_reaches_the_pod_and_its_answer_comes_back(client):
    """Method, path, query, headers and body go there; status, headers and body come back; the token does not go."""
    a_pod_at(client)
    async with Backend(OK) as backend:
        place = f"{X}/pods/p:{backend.port}/proxy/some/path?a=b%20c"
        assert await client.ask("PUT", place, b"body", Content_Type="text/plain", X_Own="me") == (201, "hi")
    assert backend.asked.startswith(b"PUT /some/path?a=b%20c HTTP/1.1\r\n") and backend.asked.endswith(b"\r\n\r\nbody")
    assert b"X-Own: me" in backend.asked and b"uthorization" not in backend.asked
    assert client.headers["x-mine"] == "1"


@served
async def test_a_service_is_asked_through_its_slices(client):
    """The endpoint that the slice names answers for the Service."""
    client.store.create("services", {"metadata": {"name": "s"}, "spec": {"ports": [HTTP]}}, namespace="x")
    assert (await client.ask("GET", f"{X}/services/s/proxy/"))[0] == 503
    async with Backend(OK) as backend:
        made = {"metadata": {"name": "s-1", "labels": {"kubernetes.io/service-name": "s"}}, "addressType": "IPv4"}
        made |= a_slice("127.0.0.1", port=backend.port)
        # The API refuses loopback addresses; the store is told behind its back by a status that needs none.
        client.store._storage.put(proxy.SLICES, {**made, "metadata": {**made["metadata"], "namespace": "x"}}, None)
        assert await client.ask("DELETE", f"{X}/services/s:http/proxy/y") == (201, "hi")
    assert backend.asked.startswith(b"DELETE /y ")


@served
async def test_a_missing_slash_is_a_redirect(client):
    """Relative links of the pod's pages would lead elsewhere."""
    a_pod_at(client)
    place = f"http://x{X}/pods/p:80/proxy"
    headers = {"Authorization": f"Bearer {client_token()}"}
    async with client.session.get(f"{place}?a=b", headers=headers, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (301, f"{X}/pods/p:80/proxy/?a=b")


def client_token() -> str:
    from tests.unit.embedded.apiserver.served_here import AUTHORITY

    return AUTHORITY.admin_token


@served
async def test_a_pod_that_cannot_be_reached_is_named_so(client):
    """Nobody listens there: 503, with the reason."""
    a_pod_at(client)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    code, status = await client.ask("GET", f"{X}/pods/p:{port}/proxy/")
    assert (code, status["reason"]) == (503, "ServiceUnavailable")
    assert status["message"].startswith("error trying to reach service: ")


@served
async def test_unknown_targets_are_not_found(client):
    """A pod or Service that is not there, and a kind that is not proxied."""
    assert (await client.ask("GET", f"{X}/pods/nope:80/proxy/"))[0] == 404
    assert (await client.ask("GET", f"{X}/services/nope/proxy/"))[0] == 404
    assert (await client.ask("GET", f"{X}/configmaps/nope/proxy/"))[0] == 404
