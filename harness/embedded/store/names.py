"""Rules for names, labels and addresses, with the sentences a real server uses (apimachinery util/validation)."""

from __future__ import annotations

import ipaddress
import re

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_PORT_NAME = re.compile(r"[-a-z0-9]+")
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_ENV_NAME = re.compile(r"[ -<>-~]+")

LABEL_MESSAGE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN_MESSAGE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
QUALIFIED_MESSAGE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
LABEL_VALUE_MESSAGE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
PORT_RANGE_MESSAGE = "must be between 1 and 65535, inclusive"
IP_MESSAGE = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
CIDR_MESSAGE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


def _too_long(text: str, limit: int) -> list[str]:
    return [f"must be no more than {limit} characters"] if len(text) > limit else []


def label(text: str) -> list[str]:
    """What is wrong with a DNS label (RFC 1123)."""
    if _LABEL.fullmatch(text):
        return _too_long(text, 63)
    dotted = _SUBDOMAIN.fullmatch(text)
    return [*_too_long(text, 63), "must not contain dots" if dotted else LABEL_MESSAGE]


def subdomain(text: str) -> list[str]:
    """What is wrong with a DNS subdomain (RFC 1123)."""
    return _too_long(text, 253) + ([] if _SUBDOMAIN.fullmatch(text) else [SUBDOMAIN_MESSAGE])


def qualified_name(text: str) -> list[str]:
    """What is wrong with a qualified name (`prefix/name`), as label keys are."""
    problems: list[str] = []
    prefix, slash, name = text.rpartition("/")
    if slash:
        if not prefix:
            problems.append("prefix part must be non-empty")
        else:
            problems += [f"prefix part {problem}" for problem in subdomain(prefix)]
    if "/" in prefix:
        return [
            "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with "
            "an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. "
            "'example.com/MyName')"
        ]
    if not name:
        problems.append("name part must be non-empty")
    problems += [f"name part {problem}" for problem in _too_long(name, 63)]
    return problems + ([] if _QUALIFIED.fullmatch(name) else [QUALIFIED_MESSAGE])


def label_value(text: str) -> list[str]:
    """What is wrong with the value of a label."""
    return _too_long(text, 63) + ([] if not text or _QUALIFIED.fullmatch(text) else [LABEL_VALUE_MESSAGE])


def port_number(number: int) -> list[str]:
    """What is wrong with a port number."""
    return [] if 1 <= number <= 65535 else [PORT_RANGE_MESSAGE]


def port_name(text: str) -> list[str]:
    """What is wrong with a port name (IANA service name)."""
    problems = []
    if len(text) > 15:
        problems.append("must be no more than 15 characters")
    if not _PORT_NAME.fullmatch(text):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not any(letter.isalpha() for letter in text):
        problems.append("must contain at least one letter (a-z)")
    if "--" in text:
        problems.append("must not contain consecutive hyphens")
    if text.startswith("-") or text.endswith("-"):
        problems.append("must not begin or end with a hyphen")
    return problems


def config_key(text: str) -> list[str]:
    """What is wrong with a key of a ConfigMap or Secret."""
    problems = _too_long(text, 253)
    if not _CONFIG_KEY.fullmatch(text):
        problems.append(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
            "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
        )
    if text in (".", ".."):
        problems.append(f"must not be '{text}'")
    elif text.startswith(".."):
        problems.append("must not start with '..'")
    return problems


def env_name(text: str) -> list[str]:
    """What is wrong with the name of an environment variable."""
    if _ENV_NAME.fullmatch(text):
        return []
    return [
        "a valid environment variable name must consist only of printable ASCII characters other than '=' (e.g. "
        "'MY_ENV.VAR', regex used for validation is '[ -<>-~]+')"
    ]


def address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """A literal IP address, or None."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """A CIDR block (host bits allowed), or None."""
    if "/" not in text:
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def family_of(text: str) -> str:
    """The IP family of a literal address, in the API's spelling."""
    return "IPv6" if ":" in text else "IPv4"
