"""The files of TLS: whose certificates we accept, and the one that we show."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from config.errors import shown

if TYPE_CHECKING:
    from pathlib import Path


def client_context(ca: Path | None = None, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """Verifies the server's certificate, by the authorities in `ca` or else the system's, and its name.

    Raises ValueError, which names the file, where one cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ValueError(f"{shown(str(ca))} holds no certificates that can be used: {_why(error)}") from None
    if certificate is not None:
        try:
            # An empty passphrase: without one OpenSSL would ask for it at the terminal.
            context.load_cert_chain(certificate, key, password="")
        except OSError as error:
            files = f"{shown(str(certificate))} and {shown(str(key))}"
            remedy = "the certificate first, then its chain; the key without a passphrase"
            raise ValueError(f"{files} are no certificate with its key: {_why(error)} ({remedy})") from None
    return context


def _why(error: OSError) -> str:
    """OpenSSL's reason in its words, or the system's."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not PEM").replace("_", " ").lower()
    return error.strerror or str(error)
