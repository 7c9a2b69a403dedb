"""A Corefile read for what matters to promises: which plugins serve the cluster's zone, and with which settings.

As much of CoreDNS's Caddyfile as its `kubernetes` block takes: server blocks, plugins, their own blocks; comments and
environment variables are left as they stand. Source: the Corefile syntax and the plugins' pages of CoreDNS's manual.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

KUBERNETES = "kubernetes"


@dataclass(frozen=True)
class Plugin:
    """A plugin of a server block: what stands behind its name, and the lines of its own block."""

    words: tuple[str, ...]
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def server(text: str) -> dict[str, Plugin]:
    """The plugins of the server block that serves Kubernetes; empty when none does."""
    found: dict[str, Plugin] = {}
    last, inside = "", False
    for depth, words, opens in _lines(text):
        if depth == 0:
            if KUBERNETES in found:
                break
            found, inside = {}, False
        elif depth == 1:
            name, *rest = words
            found[name] = Plugin(tuple(rest))
            last, inside = name, opens
        elif depth == 2 and inside:
            setting, *rest = words
            plugin = found[last]
            found[last] = Plugin(plugin.words, {**plugin.settings, setting: tuple(rest)})
    return found if KUBERNETES in found else {}


def _lines(text: str) -> Iterator[tuple[int, Sequence[str], bool]]:
    """How deep in blocks, the words, and whether a block begins there."""
    depth = 0
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words == ["}"]:
            depth -= 1
            continue
        opens = bool(words) and words[-1] == "{"
        if rest := words[: len(words) - opens]:
            yield depth, rest, opens
        depth += opens


def pod_records(plugins: Mapping[str, Plugin]) -> str:
    """How names of pods' addresses are answered: `disabled` (the default), `insecure` or `verified`."""
    return (plugins[KUBERNETES].settings.get("pods") or ("disabled",))[0]


def told(plugins: Mapping[str, Plugin]) -> str:
    """In a few words, for people."""
    words = [f"pods {pod_records(plugins)}"]
    if "cache" in plugins:
        words.append(" ".join(["cache", *plugins["cache"].words[:1]]))
    words += [name for name in ("ready", "health", "autopath", "loadbalance") if name in plugins]
    return ", ".join(words)
