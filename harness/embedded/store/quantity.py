"""Resource quantities in their canonical form (k8s.io/apimachinery/pkg/api/resource.Quantity): "1000m" is "1"."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

_SPELLED = re.compile(r"^([+-]?(?:\d+(?:\.\d*)?|\.\d+))(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d+)?$")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_DECIMAL_SUFFIX = {power: suffix for suffix, power in _DECIMAL.items()}


def parse(text: str) -> Fraction:
    """The exact value. Raises ValueError."""
    found = _SPELLED.match(text)
    if found is None:
        raise ValueError(text)
    number: Fraction = Fraction(Decimal(found[1]))
    suffix = found[2] or ""
    if suffix in _BINARY:
        return number * Fraction(1024 ** _BINARY.index(suffix))
    if suffix in _DECIMAL:
        return number * Fraction(1000) ** _DECIMAL[suffix]
    return number * Fraction(10) ** int(suffix[1:])


def canonical(text: str) -> str:
    """The spelling the API server stores. Raises ValueError."""
    value = parse(text)
    found = _SPELLED.match(text)
    suffix = (found[2] or "") if found else ""
    if value == 0:
        return "0"
    if suffix in _BINARY[1:] and value.denominator == 1 and abs(value) >= 1024:
        return _binary(int(value))
    if suffix[:1] in ("e", "E") and suffix[1:]:
        return _with_exponent(value)
    return _decimal(value)


def _binary(value: int) -> str:
    power = 0
    while value % 1024 == 0 and power < len(_BINARY) - 1:
        value //= 1024
        power += 1
    return f"{value}{_BINARY[power]}"


def _decimal(value: Fraction) -> str:
    """The largest suffix that leaves a whole number; what is finer than nano is rounded up."""
    for power in sorted(_DECIMAL_SUFFIX, reverse=True):
        scaled = value / Fraction(1000) ** power
        if scaled.denominator == 1:
            return f"{scaled.numerator}{_DECIMAL_SUFFIX[power]}"
    return f"{-(-value * 10**9 // 1)}n"


def _with_exponent(value: Fraction) -> str:
    for power in (18, 15, 12, 9, 6, 3, 0, -3, -6, -9):
        scaled = value / Fraction(10) ** power
        if scaled.denominator == 1:
            return f"{scaled.numerator}e{power}" if power else str(scaled.numerator)
    return _decimal(value)
