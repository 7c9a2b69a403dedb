"""A naive router made to be broken: every decision is a small method a mutant can replace.

It shares no code with the oracle. Unbroken it must agree with the golden table; each mutant must not.
"""

from __future__ import annotations

import re
from typing import Any

from .table import CLASS, TWIN, Row

Entry = dict[str, Any]


class Router:
    """Right on purpose, where the API says what is right."""

    def __init__(self, row: Row) -> None:
        self.specs = [spec for spec in row.specs if self.ours(spec)]

    def ours(self, spec: Entry) -> bool:
        return spec.get("ingressClassName") in (CLASS, TWIN)

    def answer(self, host: str, path: str) -> str:
        for level in (self.same, self.wildcard, self.anyone):
            found = [
                entry
                for spec in self.specs
                for rule in spec.get("rules", [])
                if level(rule.get("host", ""), self.plain(host))
                for entry in rule["http"]["paths"]
                if self.path(entry["pathType"], entry["path"], path)
            ]
            if found:
                return self.end(self.first(found)["backend"])
        return self.nobody()

    def nobody(self) -> str:
        defaults = [spec["defaultBackend"] for spec in self.specs if "defaultBackend" in spec]
        return self.end(defaults[0]) if defaults else ""

    def plain(self, host: str) -> str:
        return host.split(":")[0].lower()

    def same(self, wanted: str, host: str) -> bool:
        return wanted == host

    def wildcard(self, wanted: str, host: str) -> bool:
        return wanted.startswith("*.") and re.fullmatch(r"[^.]+" + re.escape(wanted[1:]), host) is not None

    def anyone(self, wanted: str, host: str) -> bool:
        return not wanted

    def path(self, sort: str, wanted: str, path: str) -> bool:
        return wanted == path if sort == "Exact" else self.prefix(wanted, path)

    def prefix(self, wanted: str, path: str) -> bool:
        return f"{path}/".startswith(f"{wanted.rstrip('/')}/")

    def first(self, found: list[Entry]) -> Entry:
        return max(found, key=lambda each: (self.length(each), each["pathType"] == "Exact"))

    def length(self, each: Entry) -> int:
        return len(each["path"] if each["pathType"] == "Exact" else each["path"].rstrip("/"))

    def end(self, backend: Entry) -> str:
        name = str(backend["service"]["name"])
        return name if name in ("one", "two", "three") else ""


class StringPrefix(Router):
    def prefix(self, wanted: str, path: str) -> bool:
        return path.startswith(wanted.rstrip("/"))


class SlashCounts(Router):
    """A slash at the end of a Prefix has to be there."""

    def prefix(self, wanted: str, path: str) -> bool:
        return path == wanted or path.startswith(f"{wanted.rstrip('/')}/")


class PrefixIsExact(Router):
    def prefix(self, wanted: str, path: str) -> bool:
        return wanted == "/" or wanted.rstrip("/") == path.rstrip("/")


class ExactIgnoresSlash(Router):
    def path(self, sort: str, wanted: str, path: str) -> bool:
        return wanted.rstrip("/") == path.rstrip("/") if sort == "Exact" else self.prefix(wanted, path)


class ExactIsPrefix(Router):
    def path(self, sort: str, wanted: str, path: str) -> bool:
        return self.prefix(wanted, path)


class AnyCase(Router):
    def path(self, sort: str, wanted: str, path: str) -> bool:
        return super().path(sort, wanted.lower(), path.lower())


class FirstWins(Router):
    def first(self, found: list[Entry]) -> Entry:
        return found[0]


class LastWins(Router):
    def first(self, found: list[Entry]) -> Entry:
        return found[-1]


class ShortestWins(Router):
    def first(self, found: list[Entry]) -> Entry:
        return min(found, key=self.length)


class PrefixFirst(Router):
    def first(self, found: list[Entry]) -> Entry:
        return max(found, key=lambda each: (self.length(each), each["pathType"] == "Prefix"))


class ExactAlwaysFirst(Router):
    """Exact counts before length: with a request's own path both say the same, but for nobody else's."""

    def path(self, sort: str, wanted: str, path: str) -> bool:
        return path.startswith(wanted) if sort == "Exact" else self.prefix(wanted, path)

    def first(self, found: list[Entry]) -> Entry:
        return max(found, key=lambda each: (each["pathType"] == "Exact", self.length(each)))


class HostIgnored(Router):
    def same(self, wanted: str, host: str) -> bool:
        return True


class HostAsSuffix(Router):
    def same(self, wanted: str, host: str) -> bool:
        return bool(wanted) and host.endswith(wanted)


class HostAsSent(Router):
    def plain(self, host: str) -> str:
        return host


class PortCounts(Router):
    def plain(self, host: str) -> str:
        return host.lower()


class DeepWildcard(Router):
    def wildcard(self, wanted: str, host: str) -> bool:
        return wanted.startswith("*") and host.endswith(wanted[1:])


class WildcardCoversParent(Router):
    def wildcard(self, wanted: str, host: str) -> bool:
        return super().wildcard(wanted, host) or wanted == f"*.{host}"


class WildcardWithoutDot(Router):
    def wildcard(self, wanted: str, host: str) -> bool:
        return wanted.startswith("*") and "." not in host.removesuffix(wanted[2:])[:-1] and host.endswith(wanted[2:])


class NoWildcards(Router):
    def wildcard(self, wanted: str, host: str) -> bool:
        return False


class WildcardFirst(Router):
    def same(self, wanted: str, host: str) -> bool:
        return super().wildcard(wanted, host)

    def wildcard(self, wanted: str, host: str) -> bool:
        return wanted == host


class NoOpenHosts(Router):
    def anyone(self, wanted: str, host: str) -> bool:
        return False


class NoDefault(Router):
    def nobody(self) -> str:
        return ""


class DefaultOnlyAlone(Router):
    """A default backend beside rules is not looked at."""

    def nobody(self) -> str:
        self.specs = [spec for spec in self.specs if not spec.get("rules")]
        return super().nobody()


class AnyClass(Router):
    def ours(self, spec: Entry) -> bool:
        return True


class ClassByName(Router):
    """A second class of the same controller is taken for somebody else's."""

    def ours(self, spec: Entry) -> bool:
        return spec.get("ingressClassName") == CLASS


class OneIngressPerHost(Router):
    def __init__(self, row: Row) -> None:
        super().__init__(row)
        taken: set[str] = set()
        for place, spec in enumerate(self.specs):
            mine = [each for each in spec.get("rules", []) if each.get("host", "") not in taken]
            taken |= {each.get("host", "") for each in mine}
            self.specs[place] = {**spec, "rules": mine}


class EmptyFallsThrough(Router):
    """What has no endpoints is answered by somebody else."""

    def end(self, backend: Entry) -> str:
        return super().end(backend) or "one"


class MissingTakesAll(Router):
    """One Service that is missing takes its whole Ingress along."""

    def __init__(self, row: Row) -> None:
        super().__init__(row)
        self.specs = [spec for spec in self.specs if "gone" not in str(spec)]


MUTANTS = Router.__subclasses__()
