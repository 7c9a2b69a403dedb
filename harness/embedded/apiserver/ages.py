"""How long ago something was, as kubectl shows it (k8s.io/apimachinery pkg/util/duration, HumanDuration)."""

from __future__ import annotations

from datetime import datetime

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86400, 365 * 86400


def since(moment: str | None, now: float) -> float | None:
    """Seconds from an API timestamp to now; None for none."""
    return now - datetime.fromisoformat(moment).timestamp() if moment else None


def age(moment: str | None, now: float) -> str:
    """An age in at most two units."""
    passed = since(moment, now)
    if passed is None:
        return "<unknown>"
    return "<invalid>" if passed <= -2 else span(max(0, int(passed)))


def span(seconds: int) -> str:
    """A length of time, coarser the longer it is."""
    if seconds < 2 * MINUTE:
        return f"{seconds}s"
    if seconds < 10 * MINUTE:
        return _two(seconds, (MINUTE, "m"), (1, "s"))
    if seconds < 3 * HOUR:
        return f"{seconds // MINUTE}m"
    if seconds < 8 * HOUR:
        return _two(seconds, (HOUR, "h"), (MINUTE, "m"))
    if seconds < 2 * DAY:
        return f"{seconds // HOUR}h"
    if seconds < 8 * DAY:
        return _two(seconds, (DAY, "d"), (HOUR, "h"))
    if seconds < 2 * YEAR:
        return f"{seconds // DAY}d"
    return _two(seconds, (YEAR, "y"), (DAY, "d")) if seconds < 8 * YEAR else f"{seconds // YEAR}y"


def _two(seconds: int, large: tuple[int, str], small: tuple[int, str]) -> str:
    """Two units, the second left out when it is zero."""
    whole, rest = divmod(seconds, large[0])
    second = rest // small[0]
    return f"{whole}{large[1]}" + (f"{second}{small[1]}" if second else "")
