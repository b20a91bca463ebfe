"""Whom TLS connections trust, and how the operating system's errors read."""

from __future__ import annotations

import os
import ssl

from lvsctl.notify.outcome import Later


def trust(ca_file: str | None, host: str) -> ssl.SSLContext | Later:
    """A context that verifies certificate and name, by the authorities of the file or of the system."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        return Later(f"the CA file for {host} holds no certificate in PEM form")
    except OSError as error:
        return Later(f"the CA file for {host} cannot be read: {in_words(error)}")


def in_words(error: OSError) -> str:
    """What the error number means; a library's own text, in which anything may stand, is left out."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError) or error.errno is None or error.errno <= 0:
        return type(error).__name__
    return os.strerror(error.errno)
