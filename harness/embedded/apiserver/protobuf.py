"""Reading objects that clients send as Kubernetes protobuf; answers are always JSON.

kubectl's typed commands (`create namespace`, `create configmap`, `create deployment`, `create job`, `auth can-i`,
`create token`) send this and nothing else. The wire format is protobuf's; an object stands in a `runtime.Unknown`
after four magic bytes. Names and types come from the store's field tables, field numbers from the table below (facts of
the API's generated.proto files), which has what those commands can write. A field outside it is refused, never dropped.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.effects.clock import rfc3339, rfc3339_micro
from harness.embedded.store.schema import Field, Type, schema_for, struct_named

MEDIA = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"

VARINT, BYTES = 0, 2

_NUMBERS_TEXT = """
ClientIPConfig timeoutSeconds=1
ConfigMap metadata=1 data=2 binaryData=3 immutable=4
Container name=1 image=2 command=3 args=4 workingDir=5 ports=6 env=7 resources=8 volumeMounts=9
  terminationMessagePath=13 imagePullPolicy=14 stdin=16 stdinOnce=17 tty=18 terminationMessagePolicy=20
  restartPolicy=24
ContainerPort name=1 hostPort=2 containerPort=3 protocol=4 hostIP=5
DeleteOptions gracePeriodSeconds=1 preconditions=2 orphanDependents=3 propagationPolicy=4 dryRun=5
Deployment metadata=1 spec=2 status=3
DeploymentSpec replicas=1 selector=2 template=3 strategy=4 minReadySeconds=5 revisionHistoryLimit=6 paused=7
  progressDeadlineSeconds=9
DeploymentStatus observedGeneration=1 replicas=2 updatedReplicas=3 availableReplicas=4 unavailableReplicas=5
  readyReplicas=7 collisionCount=8 terminatingReplicas=9
DeploymentStrategy type=1 rollingUpdate=2
EnvVar name=1 value=2
Event metadata=1 involvedObject=2 reason=3 message=4 source=5 firstTimestamp=6 lastTimestamp=7 count=8 type=9
  eventTime=10 series=11 action=12 related=13 reportingComponent=14 reportingInstance=15
EventSeries count=1 lastObservedTime=2
EventSource component=1 host=2
Eviction metadata=1 deleteOptions=2
Job metadata=1 spec=2 status=3
JobSpec parallelism=1 completions=2 activeDeadlineSeconds=3 selector=4 manualSelector=5 template=6 backoffLimit=7
  ttlSecondsAfterFinished=8 completionMode=9 suspend=10 podReplacementPolicy=14
JobStatus startTime=2 completionTime=3 active=4 succeeded=5 failed=6 completedIndexes=7 ready=9 terminating=11
LabelSelector matchLabels=1 matchExpressions=2
LabelSelectorRequirement key=1 operator=2 values=3
Lease metadata=1 spec=2
LeaseSpec holderIdentity=1 leaseDurationSeconds=2 acquireTime=3 renewTime=4 leaseTransitions=5 strategy=6
  preferredHolder=7
LoadBalancerStatus
LocalObjectReference name=1
Namespace metadata=1 spec=2 status=3
NamespaceSpec finalizers=1
NamespaceStatus phase=1
NonResourceAttributes path=1 verb=2
ObjectMeta name=1 generateName=2 namespace=3 selfLink=4 uid=5 resourceVersion=6 generation=7 creationTimestamp=8
  deletionTimestamp=9 deletionGracePeriodSeconds=10 labels=11 annotations=12 ownerReferences=13 finalizers=14
ObjectReference kind=1 namespace=2 name=3 uid=4 apiVersion=5 resourceVersion=6 fieldPath=7
OwnerReference kind=1 name=3 uid=4 apiVersion=5 controller=6 blockOwnerDeletion=7
PodSecurityContext runAsUser=2 runAsNonRoot=3 supplementalGroups=4 fsGroup=5 runAsGroup=6
PodSpec containers=2 restartPolicy=3 terminationGracePeriodSeconds=4 activeDeadlineSeconds=5 dnsPolicy=6
  nodeSelector=7 serviceAccountName=8 serviceAccount=9 nodeName=10 hostNetwork=11 hostPID=12 hostIPC=13
  securityContext=14 imagePullSecrets=15 hostname=16 subdomain=17 schedulerName=19 initContainers=20
  automountServiceAccountToken=21 priorityClassName=24 priority=25 shareProcessNamespace=27 runtimeClassName=29
  enableServiceLinks=30 preemptionPolicy=31 setHostnameAsFQDN=35 hostUsers=37
PodTemplateSpec metadata=1 spec=2
Preconditions uid=1 resourceVersion=2
BoundObjectReference kind=1 apiVersion=2 name=3 uid=4
ResourceAttributes namespace=1 verb=2 group=3 version=4 resource=5 subresource=6 name=7
ResourceRequirements limits=1 requests=2
RollingUpdateDeployment maxUnavailable=1 maxSurge=2
Secret metadata=1 data=2 type=3 stringData=4 immutable=5
SelfSubjectAccessReview metadata=1 spec=2 status=3
SelfSubjectAccessReviewSpec resourceAttributes=1 nonResourceAttributes=2
Service metadata=1 spec=2 status=3
ServiceAccount metadata=1 secrets=2 imagePullSecrets=3 automountServiceAccountToken=4
ServicePort name=1 protocol=2 port=3 targetPort=4 nodePort=5 appProtocol=6
ServiceSpec ports=1 selector=2 clusterIP=3 type=4 externalIPs=5 sessionAffinity=7 loadBalancerIP=8
  loadBalancerSourceRanges=9 externalName=10 externalTrafficPolicy=11 healthCheckNodePort=12
  publishNotReadyAddresses=13 sessionAffinityConfig=14 ipFamilyPolicy=17 clusterIPs=18 ipFamilies=19
  allocateLoadBalancerNodePorts=20 loadBalancerClass=21 internalTrafficPolicy=22 trafficDistribution=23
ServiceStatus loadBalancer=1
SessionAffinityConfig clientIP=1
SubjectAccessReviewStatus allowed=1 reason=2 evaluationError=3 denied=4
TokenRequest metadata=1 spec=2 status=3
TokenRequestSpec audiences=1 boundObjectRef=3 expirationSeconds=4
TokenRequestStatus token=1 expirationTimestamp=2
VolumeMount name=1 readOnly=2 mountPath=3 subPath=4
"""


def _numbers(text: str) -> dict[str, dict[int, str]]:
    """The table: type to number to field."""
    table: dict[str, dict[int, str]] = {}
    current: dict[int, str] = {}
    for line in text.splitlines():
        words = line.split()
        if words and not line.startswith(" "):
            current = table[words.pop(0)] = {}
        for word in words:
            name, _, number = word.partition("=")
            current[int(number)] = name
    return table


NUMBERS: Mapping[str, Mapping[int, str]] = _numbers(_NUMBERS_TEXT)


class UnreadableError(ValueError):
    """The message is broken, or says something this reader has no table for."""


def decode(data: bytes) -> dict[str, Any]:
    """The object in a request body. Raises UnreadableError."""
    if not data.startswith(MAGIC):
        raise UnreadableError("the body does not begin as Kubernetes protobuf does")
    unknown = dict(_parts(data[len(MAGIC) :]))
    head = {number: bytes(value).decode() for number, value in _parts(_bytes(unknown.get(1, b"")))}
    api_version, kind = head.get(1, ""), head.get(2, "")
    group, _, version = api_version.rpartition("/")
    struct = struct_named(kind, table="meta") if kind == "DeleteOptions" else schema_for(group, version, kind)
    if struct is None:
        raise UnreadableError(f'no kind "{kind}" is registered for version "{api_version}"')
    return {"kind": kind, "apiVersion": api_version, **_struct(struct, _bytes(unknown.get(2, b"")))}


def _parts(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message, in order: numbers with integers or bytes."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, position = _varint(data, position)
            yield number, value
        elif wire == BYTES:
            length, position = _varint(data, position)
            if position + length > len(data):
                raise UnreadableError("the message is cut short")
            yield number, data[position : position + length]
            position += length
        else:
            raise UnreadableError(f"wire type {wire} is not used by Kubernetes objects")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data):
            raise UnreadableError("the message is cut short")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise UnreadableError("a number stands where text or a message belongs")
    return value


def _struct(struct: Type, data: bytes) -> dict[str, Any]:
    """A message as a dictionary. What is zero and not optional is left out: the wire carries it, JSON does not."""
    numbers = NUMBERS.get(struct.name)
    if numbers is None:
        raise UnreadableError(f"{struct.name} is not read from protobuf: send JSON")
    made: dict[str, Any] = {}
    for number, raw in _parts(data):
        name = numbers.get(number)
        if name is None:
            raise UnreadableError(f"field {number} of {struct.name} is not read from protobuf: send JSON")
        _put(made, struct.fields[name], raw)
    return made


def _put(made: dict[str, Any], field: Field, raw: Any) -> None:
    kind = field.type
    if kind.form == "list" and kind.element is not None:
        made.setdefault(field.name, []).append(_value(kind.element, raw))
    elif kind.form == "map" and kind.element is not None:
        entry = dict(_parts(_bytes(raw)))
        key = _bytes(entry.get(1, b"")).decode()
        made.setdefault(field.name, {})[key] = _value(kind.element, entry.get(2, b""))
    else:
        value = _value(kind, raw)
        if field.pointer or value not in (None, "", 0, False):
            made[field.name] = value


def _value(kind: Type, raw: Any) -> Any:
    if kind.form == "struct":
        return _struct(kind, _bytes(raw))
    read = _SCALARS.get(kind.name)
    if read is None:
        raise UnreadableError(f"a value of type {kind.name} is not read from protobuf: send JSON")
    return read(raw)


def _signed(raw: Any) -> int:
    if not isinstance(raw, int):
        raise UnreadableError("text stands where a number belongs")
    return raw - (1 << 64) if raw >= 1 << 63 else raw


def _int_or_string(raw: Any) -> int | str:
    parts = dict(_parts(_bytes(raw)))
    return _bytes(parts.get(3, b"")).decode() if parts.get(1) else _signed(parts.get(2, 0))


def _seconds(raw: Any) -> float | None:
    """A timestamp's seconds since the epoch; None for the zero time, which is written as an empty message."""
    parts = dict(_parts(_bytes(raw)))
    return _signed(parts.get(1, 0)) + _signed(parts.get(2, 0)) / 1e9 if parts else None


def _time(raw: Any) -> str | None:
    seconds = _seconds(raw)
    return None if seconds is None else rfc3339(seconds)


def _micro_time(raw: Any) -> str | None:
    seconds = _seconds(raw)
    return None if seconds is None else rfc3339_micro(seconds)


_SCALARS: Mapping[str, Callable[[Any], Any]] = {
    "string": lambda raw: _bytes(raw).decode(),
    "bytes": lambda raw: base64.b64encode(_bytes(raw)).decode(),
    "bool": bool,
    "int32": _signed,
    "int64": _signed,
    "quantity": lambda raw: _bytes(dict(_parts(_bytes(raw))).get(1, b"")).decode(),
    "intstr": _int_or_string,
    "time": _time,
    "microtime": _micro_time,
}
