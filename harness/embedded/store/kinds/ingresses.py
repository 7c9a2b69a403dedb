"""Ingress and IngressClass: the default class, defaults and rules (networking.k8s.io/v1).

Which requests go where is no business of the API server: that is `harness.embedded.ingress`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from harness.embedded.store import names
from harness.embedded.store.fields import Faults
from harness.embedded.store.strategy import Strategy

Object = dict[str, Any]
PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
SCOPES = ("Cluster", "Namespace")
DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
LEGACY_CLASS = "kubernetes.io/ingress.class"
FORBIDDEN_PARTS = ("//", "/./", "/../", "%2f", "%2F")
FORBIDDEN_ENDS = ("/..", "/.")
LONGEST_CONTROLLER = 250

_WILDCARD = re.compile(r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_CONTROLLER_PATH = re.compile(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+")
WILDCARD_MESSAGE = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of "
    "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', "
    r"regex used for validation is '\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def admit(ingress: Object, classes: Iterable[Object], *, oldest: bool = False) -> None:
    """Give a new Ingress without a class the default one: of several the newest, by name where they are as old.

    `oldest` is how it must not be.
    """
    annotations = ingress["metadata"].get("annotations") or {}
    if "ingressClassName" in ingress["spec"] or LEGACY_CLASS in annotations:
        return
    defaults = [each for each in classes if (each["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true"]
    by_name = sorted(defaults, key=lambda each: str(each["metadata"]["name"]))
    by_age = sorted(by_name, key=lambda each: str(each["metadata"]["creationTimestamp"]), reverse=not oldest)
    if by_age:
        ingress["spec"]["ingressClassName"] = by_age[0]["metadata"]["name"]


def _prepare(obj: Object) -> None:
    obj["status"] = {"loadBalancer": {}}


def _validate(obj: Object, faults: Faults) -> None:
    spec = obj["spec"]
    if not spec.get("rules") and "defaultBackend" not in spec:
        faults.invalid("spec", spec.get("rules"), "either `defaultBackend` or `rules` must be specified")
    if "defaultBackend" in spec:
        _validate_backend(spec["defaultBackend"], "spec.defaultBackend", faults)
    for index, rule in enumerate(spec.get("rules") or ()):
        _validate_rule(rule, f"spec.rules[{index}]", faults)
    for index, entry in enumerate(spec.get("tls") or ()):
        _validate_tls(entry, f"spec.tls[{index}]", faults)
    if "ingressClassName" in spec:
        for problem in names.subdomain(spec["ingressClassName"]):
            faults.invalid("spec.ingressClassName", spec["ingressClassName"], problem)


def _validate_new(obj: Object, faults: Faults) -> None:
    """What is asked of a new object only: the old way to name a class and the new one say the same."""
    legacy = (obj["metadata"].get("annotations") or {}).get(LEGACY_CLASS)
    chosen = obj["spec"].get("ingressClassName")
    if legacy is not None and chosen is not None and legacy != chosen:
        faults.invalid(f"annotations.{LEGACY_CLASS}", legacy, "must match `ingressClassName` when both are specified")


def _validate_rule(rule: Object, path: str, faults: Faults) -> None:
    host = rule.get("host", "")
    if host and names.address(host) is not None:
        faults.invalid(f"{path}.host", host, "must be a DNS name, not an IP address")
    for problem in _host(host):
        faults.invalid(f"{path}.host", host, problem)
    if "http" not in rule:
        return
    paths = rule["http"].get("paths") or ()
    if not paths:
        faults.required(f"{path}.http.paths")
    for index, entry in enumerate(paths):
        _validate_path(entry, f"{path}.http.paths[{index}]", faults)


def _host(host: str) -> list[str]:
    """What is wrong with a host of a rule; an empty one means every host."""
    if not host:
        return []
    if "*" not in host:
        return names.subdomain(host)
    return [] if _WILDCARD.fullmatch(host) else [WILDCARD_MESSAGE]


def _validate_path(entry: Object, path: str, faults: Faults) -> None:
    sort, text = entry.get("pathType"), entry.get("path", "")
    if sort is None:
        faults.required(f"{path}.pathType", "pathType must be specified")
        return
    if sort not in PATH_TYPES:
        faults.unsupported(f"{path}.pathType", sort, PATH_TYPES)
    elif not text.startswith("/") and (text or sort != "ImplementationSpecific"):
        faults.invalid(f"{path}.path", text, "must be an absolute path")
    if sort in ("Exact", "Prefix"):
        for part in FORBIDDEN_PARTS:
            if part in text:
                faults.invalid(f"{path}.path", text, f"must not contain '{part}'")
        for end in FORBIDDEN_ENDS:
            if text.endswith(end):
                faults.invalid(f"{path}.path", text, f"cannot end with '{end}'")
    _validate_backend(entry["backend"], f"{path}.backend", faults)


def _validate_backend(backend: Object, path: str, faults: Faults) -> None:
    if "resource" in backend and "service" in backend:
        faults.invalid(path, "", "cannot set both resource and service backends")
    elif "resource" in backend:
        for field in ("kind", "name"):
            if not backend["resource"].get(field):
                faults.required(f"{path}.resource.{field}")
    elif "service" in backend:
        _validate_service(backend["service"], path, faults)
    else:
        faults.invalid(path, "", "resource or service backend is required")


def _validate_service(service: Object, path: str, faults: Faults) -> None:
    name = service.get("name", "")
    if not name:
        faults.required(f"{path}.service.name")
    for problem in names.label(name) if name else ():
        faults.invalid(f"{path}.service.name", name, problem)
    port = service.get("port") or {}
    if port.get("name") and port.get("number"):
        faults.invalid(path, "", "cannot set both port name & port number")
    elif port.get("name"):
        for problem in names.port_name(port["name"]):
            faults.invalid(f"{path}.service.port.name", port["name"], problem)
    elif port.get("number"):
        for problem in names.port_number(port["number"]):
            faults.invalid(f"{path}.service.port.number", port["number"], problem)
    else:
        faults.required(path, "port name or number is required")


def _validate_tls(entry: Object, path: str, faults: Faults) -> None:
    for index, host in enumerate(entry.get("hosts") or ()):
        for problem in _host(host) if host else names.subdomain(host):
            faults.invalid(f"{path}.hosts[{index}]", host, problem)
    secret = entry.get("secretName", "")
    for problem in names.subdomain(secret) if secret else ():
        faults.invalid(f"{path}.secretName", secret, problem)


def _validate_status(obj: Object, faults: Faults) -> None:
    for index, entry in enumerate(obj["status"]["loadBalancer"].get("ingress") or ()):
        path = f"status.loadBalancer.ingress[{index}]"
        if entry.get("ip") and names.address(entry["ip"]) is None:
            faults.invalid(f"{path}.ip", entry["ip"], names.IP_MESSAGE)
        host = entry.get("hostname", "")
        for problem in names.subdomain(host) if host else ():
            faults.invalid(f"{path}.hostname", host, problem)
        if host and names.address(host) is not None:
            faults.invalid(f"{path}.hostname", host, "must be a DNS name, not an IP address")


def _default_class(obj: Object) -> None:
    parameters = obj["spec"].get("parameters")
    if parameters is not None:
        parameters.setdefault("scope", "Cluster")


def _validate_class(obj: Object, faults: Faults) -> None:
    controller = obj["spec"].get("controller", "")
    if len(controller) > LONGEST_CONTROLLER:
        faults.too_long("spec.controller", LONGEST_CONTROLLER)
    _validate_controller(controller, faults)
    if "parameters" in obj["spec"]:
        _validate_parameters(obj["spec"]["parameters"], faults)


def _validate_controller(controller: str, faults: Faults) -> None:
    path = "spec.controller"
    if not controller:
        faults.required(path)
        return
    domain, slash, rest = controller.partition("/")
    if not (domain and slash and rest):
        faults.invalid(path, controller, 'must be a domain-prefixed path (such as "acme.io/foo")')
        return
    for problem in names.subdomain(domain):
        faults.invalid(path, domain, problem)
    if not _CONTROLLER_PATH.fullmatch(rest):
        faults.invalid(path, rest, f"Invalid path (regex used for validation is '{_CONTROLLER_PATH.pattern}')")


def _validate_parameters(parameters: Object, faults: Faults) -> None:
    path = "spec.parameters"
    for field in ("kind", "name"):
        if not parameters.get(field):
            faults.required(f"{path}.{field}", f"{field} is required")
    scope = parameters.get("scope")
    if scope not in SCOPES:
        faults.unsupported(f"{path}.scope", scope, SCOPES)
    elif scope == "Namespace":
        if "namespace" not in parameters:
            faults.required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'")
        for problem in names.label(parameters["namespace"]) if "namespace" in parameters else ():
            faults.invalid(f"{path}.namespace", parameters["namespace"], problem)
    elif "namespace" in parameters:
        faults.forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'")


def _validate_class_update(new: Object, old: Object, faults: Faults) -> None:
    faults.immutable("spec.controller", new["spec"].get("controller"), old["spec"].get("controller"))


INGRESS = Strategy(prepare=_prepare, validate=_validate, validate_new=_validate_new, validate_status=_validate_status)
INGRESS_CLASS = Strategy(default=_default_class, validate=_validate_class, validate_update=_validate_class_update)
