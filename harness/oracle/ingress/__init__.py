"""What an Ingress controller has to answer, from API objects only (networking.k8s.io/v1 Ingress and IngressClass).

    route(snapshot, Request("foo.example", "/a"), ingress_class="haproxy")    who has to answer, and by which rule
    certificate(ingresses, secrets, "foo.example", ...)                       which certificate a TLS client has to see
    judge_reply("x/a → foo.example/a", route, reply)                          what is wrong with what came back
    default_class(classes)                                                    which class a new Ingress gets

What the API leaves to controllers is undefined here, with the reason: which of two Ingresses wins the same path, what
an ImplementationSpecific path means, whether a wider host is tried where a more exact one has no such path.
"""

from harness.oracle.ingress.certificates import certificate
from harness.oracle.ingress.classes import default_class, serves
from harness.oracle.ingress.judge import Reply, judge_reply
from harness.oracle.ingress.route import route
from harness.oracle.ingress.values import Request, Route

__all__ = ["Reply", "Request", "Route", "certificate", "default_class", "judge_reply", "route", "serves"]
