"""The restricted Pod Security Standard as a judge of pods, written down again: what admission would say of them.

Source: the page "Pod Security Standards" of the Kubernetes documentation (policy version 1.36), Linux pods only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

PROFILE = "pod-security.kubernetes.io/enforce"
SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
}
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
SECCOMP = {"RuntimeDefault", "Localhost"}
SELINUX = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}

Object = Mapping[str, Any]


def violations(pod: Object) -> list[str]:
    """Everything about a pod that the restricted profile does not admit."""
    spec = pod["spec"]
    security = spec.get("securityContext") or {}
    told = [f"spec.{key}" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    told += [f"sysctl {each['name']}" for each in security.get("sysctls") or [] if each["name"] not in SYSCTLS]
    for volume in spec.get("volumes") or []:
        told += [f"volume {volume['name']}: {kind}" for kind in set(volume) - {"name"} - VOLUMES]
    told += _shared(security, "pod")
    for key in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(key) or []:
            told += _of_container(container, security)
    return told


def _of_container(container: Object, pod: Object) -> Iterator[str]:
    own = container.get("securityContext") or {}
    name = container["name"]
    yield from _shared(own, name)
    if own.get("privileged"):
        yield f"{name}: privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{name}: allowPrivilegeEscalation"
    if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield f"{name}: runAsNonRoot"
    if (own.get("seccompProfile") or pod.get("seccompProfile") or {}).get("type") not in SECCOMP:
        yield f"{name}: seccompProfile"
    capabilities = own.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or []):
        yield f"{name}: capabilities not dropped"
    if set(capabilities.get("add") or []) - {"NET_BIND_SERVICE"}:
        yield f"{name}: capabilities added"
    if own.get("procMount", "Default") != "Default":
        yield f"{name}: procMount"
    if any(port.get("hostPort") for port in container.get("ports") or []):
        yield f"{name}: hostPort"
    if any(_host(container.get(probe) or {}) for probe in ("livenessProbe", "readinessProbe", "startupProbe")):
        yield f"{name}: a probe of another host"


def _shared(security: Object, where: str) -> Iterator[str]:
    """What may stand at a pod and at a container."""
    if security.get("runAsUser") == 0:
        yield f"{where}: runAsUser"
    labels = security.get("seLinuxOptions") or {}
    if labels.get("type", "") not in SELINUX or labels.get("user") or labels.get("role"):
        yield f"{where}: seLinuxOptions"
    if (security.get("appArmorProfile") or {}).get("type", "RuntimeDefault") not in SECCOMP:
        yield f"{where}: appArmorProfile"
    if (security.get("windowsOptions") or {}).get("hostProcess"):
        yield f"{where}: hostProcess"


def _host(probe: Object) -> bool:
    return any((probe.get(how) or {}).get("host") for how in ("httpGet", "tcpSocket"))
