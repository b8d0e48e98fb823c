"""Why a connection to the collector failed: what the system raised -> a code people can act on.

The codes are those of `rubrics/reasons.yaml`, whose sentences say what to do next. Imported only
when something failed, since it brings `ssl`.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Mapping

from agent.http1 import HttpError

OTHER = "collector_not_connected"
_BY_VERIFY_CODE: Mapping[int, str] = {
    9: "collector_tls_not_yet_valid",
    10: "collector_tls_expired",
    18: "collector_tls_unknown_ca",
    19: "collector_tls_unknown_ca",
    20: "collector_tls_unknown_ca",
    21: "collector_tls_unknown_ca",
    62: "collector_tls_wrong_name",
    64: "collector_tls_wrong_name",
}
"""X509_V_ERR_… of OpenSSL's x509_vfy.h."""
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"})
_BY_ERRNO: Mapping[int, str] = {
    errno.ECONNREFUSED: "collector_refused",
    errno.ENETUNREACH: "collector_unroutable",
    errno.EHOSTUNREACH: "collector_unroutable",
    errno.ECONNRESET: "collector_cut_off",
    errno.EPIPE: "collector_cut_off",
    errno.ETIMEDOUT: "collector_timed_out",
}


def trouble_code(error: BaseException) -> str:
    """Return the code of an exception of a connection, `collector_not_connected` for the rest."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _BY_VERIFY_CODE.get(error.verify_code, "collector_tls_unknown_ca")
    if isinstance(error, ssl.SSLError):
        return "collector_tls_not_spoken" if error.reason in _NOT_TLS else "collector_tls_failed"
    if isinstance(error, socket.gaierror | UnicodeError):
        return "collector_name_unknown"
    if isinstance(error, TimeoutError):
        return "collector_timed_out"
    if isinstance(error, HttpError):
        return "collector_not_http"
    if isinstance(error, FileNotFoundError | PermissionError):
        return "collector_ca_file_unreadable"  # the only file that a connection opens
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0, OTHER)
    return OTHER
