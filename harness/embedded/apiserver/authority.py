"""Who is who: the cluster's certificate authority, its certificates, bearer tokens and kubeconfigs.

Everything is made at boot and lives in memory; private keys never touch a disk (the TLS context reads them from an
anonymous file). Service-account tokens are JSON Web Tokens signed with a key of this boot (RFC 7519, HS256), so that
one can be made for any account without keeping a list. This module does not decide what anybody may do.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import os
import secrets
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ADMIN = "kubernetes-admin"
ADMIN_GROUP = "system:masters"
ISSUER = "https://kubernetes.default.svc.cluster.local"
LIFETIME = timedelta(days=365)
"""Of every certificate: far longer than any cluster of this kind lives."""

SERVER_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
SERVER_ADDRESSES = ("127.0.0.1", "::1", "10.96.0.1", "fd00:10:96::1")


@dataclass(frozen=True)
class User:
    """Who a request comes from."""

    name: str
    groups: tuple[str, ...] = ()

    def belongs_to(self, group: str) -> bool:
        """Is this user a member of the group?"""
        return group in self.groups


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class Authority:
    """The trust of one cluster. Make it with `Authority.create`."""

    ca: bytes
    server: KeyPair
    admin: KeyPair
    admin_token: str = field(repr=False)
    token_key: bytes = field(repr=False)

    @classmethod
    def create(cls, *, now: float, names: Sequence[str] = (), addresses: Sequence[str] = ()) -> Authority:
        """A new authority. `names` and `addresses` (the nodes') are added to what the server always answers to."""
        issuer = _Issuer(datetime.fromtimestamp(now, UTC))
        return cls(
            ca=issuer.pem,
            server=issuer.server((*SERVER_NAMES, *names), (*SERVER_ADDRESSES, *addresses)),
            admin=issuer.client(ADMIN, ADMIN_GROUP),
            admin_token=secrets.token_urlsafe(32),
            token_key=secrets.token_bytes(32),
        )

    def token_for(self, namespace: str, name: str) -> str:
        """The bearer token of a service account; the same account has the same token until the next boot."""
        claims = {
            "iss": ISSUER,
            "sub": f"system:serviceaccount:{namespace}:{name}",
            "aud": [ISSUER],
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name}},
        }
        signed = f"{_base64(_compact({'alg': 'HS256', 'typ': 'JWT'}))}.{_base64(_compact(claims))}"
        return f"{signed}.{_base64(self._signature(signed))}"

    def user_of_token(self, token: str) -> User | None:
        """Whose token this is; None when it is nobody's."""
        if hmac.compare_digest(token.encode(), self.admin_token.encode()):
            return User(ADMIN, (ADMIN_GROUP, "system:authenticated"))
        signed, _, signature = token.rpartition(".")
        if not signed or not hmac.compare_digest(_base64(self._signature(signed)).encode(), signature.encode()):
            return None
        return _service_account(signed)

    def server_context(self) -> ssl.SSLContext:
        """TLS for the API server: asks clients for a certificate and verifies the one that comes, if one comes."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=self.ca.decode())
        context.verify_mode = ssl.CERT_OPTIONAL
        context.set_alpn_protocols(["http/1.1"])
        descriptor = os.memfd_create("apiserver")
        try:
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(self.server.certificate + self.server.key)
            context.load_cert_chain(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)
        return context

    def kubeconfig(self, server_url: str, name: str, *, certificate: bool = False) -> dict[str, Any]:
        """A kubeconfig of the administrator, as a dictionary; by bearer token, or by client certificate."""
        user: dict[str, str] = {"token": self.admin_token}
        if certificate:
            user = {
                "client-certificate-data": base64.b64encode(self.admin.certificate).decode(),
                "client-key-data": base64.b64encode(self.admin.key).decode(),
            }
        cluster = {"server": server_url, "certificate-authority-data": base64.b64encode(self.ca).decode()}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }

    def _signature(self, signed: str) -> bytes:
        return hmac.digest(self.token_key, signed.encode(), hashlib.sha256)


def user_of_certificate(certificate: dict[str, Any]) -> User | None:
    """The user a verified client certificate names (`ssl.SSLSocket.getpeercert`): CN is the user, each O a group."""
    fields = [pair for part in certificate.get("subject", ()) for pair in part]
    names = [value for key, value in fields if key == "commonName"]
    if not names:
        return None
    groups = tuple(value for key, value in fields if key == "organizationName")
    return User(names[0], (*groups, "system:authenticated"))


def service_account_groups(namespace: str) -> tuple[str, ...]:
    """The groups every service account of a namespace is in."""
    return ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")


def _service_account(signed: str) -> User | None:
    """The account in a token whose signature has been verified."""
    body = signed.partition(".")[2]
    try:
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return User(claims["sub"], service_account_groups(claims["kubernetes.io"]["namespace"]))
    except (binascii.Error, ValueError, KeyError, TypeError):
        return None


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class _Issuer:
    """Signs certificates. Its own private key is forgotten with it: nothing can be issued after boot."""

    def __init__(self, now: datetime) -> None:
        self._from = now - timedelta(hours=1)  # clients whose clocks are a little behind
        self._until = now + LIFETIME
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
        self._identity = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        # Since Python 3.13 clients are strict: without these usages they refuse the authority.
        usage = x509.KeyUsage(
            digital_signature=True, key_encipherment=True, key_cert_sign=True, crl_sign=False, content_commitment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = certificate.public_bytes(serialization.Encoding.PEM)

    def server(self, names: Iterable[str], addresses: Iterable[str]) -> KeyPair:
        """A certificate for the API server under all its names and addresses."""
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in dict.fromkeys(names)]
        alternatives += [x509.IPAddress(ipaddress.ip_address(one)) for one in dict.fromkeys(addresses)]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
        return self._leaf(subject, ExtendedKeyUsageOID.SERVER_AUTH, x509.SubjectAlternativeName(alternatives))

    def client(self, name: str, group: str) -> KeyPair:
        """A certificate for a user in a group."""
        organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)
        subject = x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return self._leaf(subject, ExtendedKeyUsageOID.CLIENT_AUTH)

    def _leaf(self, subject: x509.Name, purpose: x509.ObjectIdentifier, *more: x509.ExtensionType) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            self._builder(subject, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier(self._identity.digest, None, None), critical=False)
        )
        for extension in more:
            builder = builder.add_extension(extension, critical=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        certificate = builder.sign(self._key, hashes.SHA256())
        return KeyPair(certificate.public_bytes(serialization.Encoding.PEM), private)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._from)
            .not_valid_after(self._until)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
