"""Certificates for tests: self-signed, made anew each time, good for a day. Who shows one has its key from us."""

from __future__ import annotations

import base64
import datetime
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.effects.clock import RealClock

DAY = 86400


@dataclass(frozen=True)
class Pair:
    """A certificate and its key (PEM)."""

    certificate: bytes
    key: bytes

    def secret(self, name: str) -> dict[str, Any]:
        """As a Secret of type kubernetes.io/tls."""
        data = {"tls.crt": base64.b64encode(self.certificate).decode(), "tls.key": base64.b64encode(self.key).decode()}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "type": "kubernetes.io/tls",
            "data": data,
        }


def certificate_for(*hosts: str) -> Pair:
    """A certificate for these hosts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "harness test")])
    now = datetime.datetime.fromtimestamp(RealClock().wall(), tz=datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(seconds=DAY))
        .not_valid_after(now + datetime.timedelta(seconds=DAY))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in hosts]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Pair(
        built.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def told(certificate: bytes) -> str:
    """A certificate in few words: its hosts and serial number. Takes DER or PEM."""
    load = x509.load_pem_x509_certificate if certificate.startswith(b"-----") else x509.load_der_x509_certificate
    found = load(certificate)
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = ", ".join(names.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        hosts = found.subject.rfc4514_string()
    return f"{hosts} #{found.serial_number % 10**6:06}"


def same(shown: bytes, wanted: bytes) -> bool:
    """Whether a certificate shown on the wire (DER) is the first of these (PEM)."""
    return shown == x509.load_pem_x509_certificate(wanted).public_bytes(serialization.Encoding.DER)
