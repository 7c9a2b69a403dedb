"""The door to HAProxy, with HAProxy itself on loopback: started, reloaded without a lost request, refused, stopped."""

from __future__ import annotations

import asyncio
import http.client
import shutil
import threading
from pathlib import Path

import pytest

from harness.effects.clock import RealClock
from harness.embedded.ingress.compile import Configuration
from harness.embedded.ingress.proxy import Haproxy
from harness.suite.certificates import certificate_for
from tests.contract.agent_carrier import free_port

pytestmark = pytest.mark.skipif(shutil.which("haproxy", path="/usr/sbin:/usr/bin") is None, reason="no haproxy here")


@pytest.fixture(autouse=True)
def findable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/sbin:/usr/bin:/bin")


def saying(port: int, word: str) -> Configuration:
    """A configuration that answers everything with a word."""
    answer = f"http-request return status 200 content-type text/plain string {word}"
    limits = "timeout client 5s\n    timeout connect 5s\n    timeout server 5s"
    text = f"defaults\n    mode http\n    {limits}\nfrontend f\n    bind 127.0.0.1:{port}\n    {answer}\n"
    return Configuration(text)


def said(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/")
    answer = connection.getresponse().read().decode()
    connection.close()
    return answer


def test_a_change_is_in_force_and_loses_no_request(tmp_path: Path) -> None:
    """Requests go on through several reloads, and after each the new configuration answers."""
    port, words, troubles = free_port(), [f"word{number}" for number in range(4)], []
    over = threading.Event()

    def hammer() -> None:
        while not over.is_set():
            try:
                if said(port) not in words:
                    troubles.append("a strange word")
            except (OSError, http.client.HTTPException) as error:
                troubles.append(repr(error))

    async def change() -> list[str]:
        door, seen = Haproxy(tmp_path, RealClock()), []
        client = threading.Thread(target=hammer)
        try:
            for word in words:
                assert await door.apply(saying(port, word))
                seen.append(await asyncio.to_thread(said, port))
                if not client.is_alive():
                    client.start()
            assert await door.apply(saying(port, words[-1]))
            assert door.reloads == len(words), "what is in force is not carried out again"
        finally:
            over.set()
            await asyncio.to_thread(client.join)
            await door.stop()
        return seen

    assert asyncio.run(change()) == words
    assert not troubles


def test_what_haproxy_does_not_take_leaves_the_old_in_force(tmp_path: Path) -> None:
    """It says so, and the next good configuration comes through."""
    port = free_port()

    async def change() -> None:
        door = Haproxy(tmp_path, RealClock())
        try:
            assert await door.apply(saying(port, "good"))
            assert not await door.apply(Configuration("nonsense\n"))
            assert await asyncio.to_thread(said, port) == "good"
            assert await door.apply(saying(port, "better"))
            assert await asyncio.to_thread(said, port) == "better"
        finally:
            await door.stop()

    asyncio.run(change())


def test_certificates_are_tried_and_old_files_go(tmp_path: Path) -> None:
    """A pair that fits is taken, others are not; no key stays that no configuration names."""
    one, two = certificate_for("a.io"), certificate_for("b.io")
    door, port = Haproxy(tmp_path, RealClock()), free_port()
    assert door.takes(one.certificate + one.key)
    assert not door.takes(one.certificate + two.key)
    assert not door.takes(b"no certificate\nno key")
    plain = saying(port, "so")

    async def change() -> None:
        try:
            await door.apply(Configuration(plain.text, {"one.pem": one.certificate + one.key}))
            assert (tmp_path / "one.pem").stat().st_mode & 0o777 == 0o600
            await door.apply(plain)
            assert not list(tmp_path.glob("*.pem"))
        finally:
            await door.stop()

    asyncio.run(change())
