"""From a kubeconfig to a connection: the official client's loader, with its surprises removed.

Removed: proxies taken from the environment (a loopback or cluster address is not reached through one; `proxy-url` in
the kubeconfig is obeyed), and temporary files with keys (certificates given as data are handed over as memory files,
so that nothing is left behind by a killed process). The kubeconfig's authority always wins over SSL_CERT_FILE and
REQUESTS_CA_BUNDLE, which are not looked at when it has one.
"""

from __future__ import annotations

import base64
import binascii
import os
import shutil
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes
import urllib3
import yaml
from kubernetes.client import ApiClient, Configuration
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.kube_config import load_kube_config_from_dict

from harness.kube.errors import CertificateProblem, ConfigError

POOL_SIZE = 16
"""Connections kept open to the server: as many threads may ask at once without reconnecting."""

_FILES = ("certificate-authority", "client-certificate", "client-key")


def read_kubeconfig(path: str | Path) -> dict[str, Any]:
    """A kubeconfig file as a dictionary, its relative paths made absolute. Raises ConfigError."""
    file = Path(path).expanduser()
    try:
        text = file.read_text()
    except OSError as error:
        raise ConfigError(f"no kubeconfig at {file}: {error.strerror}") from error
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{file} is not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(config, dict) or not isinstance(config.get("contexts"), list):
        raise ConfigError(f"{file} is not a kubeconfig: it has no list of contexts")
    for section, inner in (("clusters", "cluster"), ("users", "user")):
        for entry in config.get(section) or []:
            _absolute(entry.get(inner) or {}, file.parent)
    return config


def _absolute(entry: dict[str, Any], folder: Path) -> None:
    for key in _FILES:
        if entry.get(key):
            entry[key] = str(folder / str(entry[key]))


def context_names(config: Mapping[str, Any]) -> list[str]:
    """The contexts a kubeconfig knows."""
    return [str(entry.get("name")) for entry in config.get("contexts") or [] if isinstance(entry, dict)]


def _chosen(config: Mapping[str, Any], context: str | None) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The context's name with its cluster and user. Raises ConfigError naming what is missing."""
    known = context_names(config)
    name = context or str(config.get("current-context") or "")
    if not name:
        raise ConfigError(f"the kubeconfig has no current context; name one of: {', '.join(known) or 'it has none'}")
    if name not in known:
        raise ConfigError(f"no context {name!r} in the kubeconfig; it has: {', '.join(known) or 'none'}")
    entry = next(e for e in config["contexts"] if e.get("name") == name).get("context") or {}
    cluster = _named(config, "clusters", "cluster", str(entry.get("cluster")), context=name)
    if not cluster.get("server"):
        raise ConfigError(f"cluster {entry.get('cluster')!r} of the kubeconfig has no server")
    user = _named(config, "users", "user", str(entry["user"]), context=name) if entry.get("user") else {}
    return name, cluster, user


def _named(config: Mapping[str, Any], section: str, inner: str, wanted: str, *, context: str) -> dict[str, Any]:
    for entry in config.get(section) or []:
        if entry.get("name") == wanted:
            return dict(entry.get(inner) or {})
    raise ConfigError(f"context {context!r} of the kubeconfig names the {inner} {wanted!r}, which is not there")


class Access:
    """A way to one API server: its address, who we are, whom we trust, and a pool of connections."""

    def __init__(self, config: Mapping[str, Any], *, context: str | None = None) -> None:
        self.context, cluster, user = _chosen(config, context)
        self._memory: list[int] = []
        self._renewing = threading.Lock()
        only = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": self._in_memory(cluster)}],
            "users": [{"name": "u", "user": self._in_memory(user)}],
        }
        self._configuration = Configuration()
        self._configuration.proxy = None
        self._configuration.no_proxy = None
        self._configuration.connection_pool_maxsize = POOL_SIZE
        self._configuration.retries = False
        try:
            load_kube_config_from_dict(  # type: ignore[no-untyped-call]  # the client has no types
                only, client_configuration=self._configuration, persist_config=False
            )
        except (ConfigException, binascii.Error, ValueError, TypeError) as error:
            raise ConfigError(f"context {self.context!r} of the kubeconfig cannot be used: {error}") from error
        self._must_have_credentials(user)
        self.server = str(self._configuration.host)
        self.proxy: str | None = self._configuration.proxy
        self._client = ApiClient(self._configuration)

    @property
    def pool(self) -> urllib3.PoolManager:
        """The official client's connections. Safe to use from several threads."""
        pool: urllib3.PoolManager = self._client.rest_client.pool_manager
        return pool

    def credentials(self) -> dict[str, str]:
        """The headers that say who we are, renewed when they have expired."""
        with self._renewing:
            setting = self._configuration.auth_settings().get("BearerToken")
        if not setting or not setting["value"]:
            return {}
        return {"authorization": _as_bearer(str(setting["value"]))}

    def tls(self) -> ssl.SSLContext | None:
        """A context for a connection of our own (exec streams); None for plain HTTP. Raises CertificateProblem."""
        configuration = self._configuration
        if not self.server.startswith("https"):
            return None
        try:
            context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
            if configuration.cert_file:
                context.load_cert_chain(configuration.cert_file, configuration.key_file)
        except (OSError, ssl.SSLError) as error:
            raise CertificateProblem(f"a certificate of context {self.context!r} cannot be used: {error}") from error
        if not configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    @property
    def server_name(self) -> str | None:
        """The name to expect in the server's certificate, when the kubeconfig gives one."""
        name: str | None = self._configuration.tls_server_name
        return name

    def close(self) -> None:
        """Close idle connections and forget the certificates."""
        self._client.rest_client.pool_manager.clear()
        while self._memory:
            os.close(self._memory.pop())

    def _must_have_credentials(self, user: Mapping[str, Any]) -> None:
        """The official client goes on as nobody when a credential plugin fails. Raises ConfigError instead."""
        plugin = user.get("exec")
        if not plugin or self._configuration.api_key or self._configuration.cert_file:
            return
        command = str(plugin.get("command") if isinstance(plugin, dict) else plugin)
        why = "is not installed" if shutil.which(command) is None else "gave no credentials: run it to see why"
        raise ConfigError(f"context {self.context!r} of the kubeconfig: its credential plugin {command} {why}")

    def _in_memory(self, entry: dict[str, Any]) -> dict[str, Any]:
        """The entry with certificates given as data turned into files that only this process can see."""
        changed = dict(entry)
        for key in _FILES:
            data = changed.get(f"{key}-data")
            if not data or not hasattr(os, "memfd_create"):
                continue
            try:
                content = base64.b64decode(data, validate=True)
            except binascii.Error as error:
                raise ConfigError(f"{key}-data in context {self.context!r} of the kubeconfig is not base64") from error
            descriptor = os.memfd_create(f"harness-{key}")
            os.write(descriptor, content)
            self._memory.append(descriptor)
            del changed[f"{key}-data"]
            changed[key] = f"/proc/self/fd/{descriptor}"
        return changed


def _as_bearer(value: str) -> str:
    return value if value.startswith(("Bearer ", "Basic ")) else f"Bearer {value}"


CLIENT_VERSION: str = kubernetes.__version__
"""The official client's version, for reports."""
