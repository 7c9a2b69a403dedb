"""Whose Ingresses are a controller's own, and which class a new Ingress gets. Source: IngressClass v1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.oracle.snapshot import Raw, name_of

DEFAULT = "ingressclass.kubernetes.io/is-default-class"
LEGACY = "kubernetes.io/ingress.class"


def _annotations(thing: Raw) -> Mapping[str, str]:
    found: Mapping[str, str] = thing["metadata"].get("annotations") or {}
    return found


def serves(classes: Iterable[Raw], ingress_class: str, ingress: Raw) -> bool | None:
    """Whether the controller of a class serves an Ingress; None where the API leaves it to the controller.

    Classes of one controller are served alike. An annotation is the old way to choose one, and who still hears it is
    not said; without any class it is up to the controller as well.
    """
    several = list(classes)
    controllers = {name_of(each): str(each["spec"].get("controller", "")) for each in several}
    chosen = ingress["spec"].get("ingressClassName")
    if chosen is not None:
        ours = controllers.get(ingress_class)
        return chosen == ingress_class or (ours is not None and controllers.get(chosen) == ours)
    legacy = _annotations(ingress).get(LEGACY)
    return False if legacy is not None and legacy != ingress_class else None


def default_class(classes: Iterable[Raw]) -> str | None:
    """The class a new Ingress without one gets: of several defaults the newest, then the first by name."""
    defaults = [each for each in classes if _annotations(each).get(DEFAULT) == "true"]
    if not defaults:
        return None
    newest = max(str(each["metadata"]["creationTimestamp"]) for each in defaults)
    return min(name_of(each) for each in defaults if str(each["metadata"]["creationTimestamp"]) == newest)
