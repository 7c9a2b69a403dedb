"""Reads the configuration the compiler writes and answers requests as HAProxy would; refuses what it cannot read.

Compiler and reader cannot drift apart: a line of another form is an error, not a pass.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CONDITION = re.compile(r"\{ (\S+) -m (str|beg|end)( -i)? (\S+) \}")


@dataclass(frozen=True)
class Asked:
    host: str
    path: str
    sni: str = ""

    def sample(self, name: str) -> str:
        plain = self.host.split(":")[0].lower()
        path = self.path.partition("?")[0]
        return {
            "var(txn.host)": plain,
            "var(txn.parent)": "." + plain.partition(".")[2],
            "var(txn.path)": path + "/",
            "path": path,
            "req.hdr(host)": self.host,
            "ssl_fc_sni,lower": self.sni.lower(),
        }[name]


def unescaped(word: str) -> str:
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), word)


def holds(conditions: str, asked: Asked) -> bool:
    left = CONDITION.sub("", conditions).strip()
    assert not left, f"the reader cannot read {left!r}"
    for sample, how, fold, word in CONDITION.findall(conditions):
        value, wanted = asked.sample(sample), unescaped(word)
        if fold:
            value, wanted = value.lower(), wanted.lower()
        compare = {"str": str.__eq__, "beg": str.startswith, "end": str.endswith}[how]
        if not compare(value, wanted):
            return False
    return True


def backend_of(text: str, asked: Asked) -> str:
    """The backend that a request goes to."""
    for line in (each.strip() for each in text.splitlines()):
        if line.startswith("use_backend "):
            name, _, conditions = line.removeprefix("use_backend ").partition(" if ")
            if holds(conditions, asked):
                return name
        elif line.startswith("default_backend "):
            return line.removeprefix("default_backend ")
    raise AssertionError("no backend at all")


def servers(text: str, backend: str) -> list[str]:
    """The servers of a backend."""
    section = text.split(f"\nbackend {backend}\n")[1].split("\n\n")[0]
    return [line.split()[2] for line in section.splitlines() if line.strip().startswith("server ")]


def end(text: str, asked: Asked) -> str:
    """Where a request ends: `one` for x_one_80, "" for nobody or a backend without servers."""
    name = backend_of(text, asked)
    return name.split("_")[1] if name != "nobody" and servers(text, name) else ""
