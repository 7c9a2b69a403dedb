"""Who answers at an address, seen from this machine: the certificate of a TLS server. Nothing is asked of it."""

from __future__ import annotations

import socket
import ssl


def certificate_at(host: str, port: int, *, timeout: float) -> bytes:
    """The certificate (DER) that is shown there, whoever signed it. Raises OSError, also for what speaks no TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # Whose it is, is what the caller wants to know.
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((host, port), timeout=timeout) as line,
        context.wrap_socket(line, server_hostname=host) as secured,
    ):
        return secured.getpeercert(binary_form=True) or b""
