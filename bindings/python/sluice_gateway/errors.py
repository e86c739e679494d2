# SPDX-License-Identifier: Apache-2.0
"""One exception a kind of failure, all with the same fields. They are made of libsluice's errors (sluice_error(3))."""
from __future__ import annotations

from typing import Optional


class GatewayError(Exception):
    """What went wrong with one call.

    code         libsluice's name: "SLUICE_ELIMIT"
    status_code  the HTTP status, or None when there was no reply
    detail       the server's own message
    body         the body of the reply as it came, cut at 64 KiB
    error_type   the gateway's word for whose fault it was ("policy_rate_limited"), or ""
    request_id   the server's name for the request, or ""
    retry_after  seconds that the server asks to wait, or None
    is_retriable the same call may succeed later without a change
    """

    def __init__(self, text: str, code: str = "SLUICE_EUSAGE", status_code: Optional[int] = None, detail: str = "", body: bytes = b"",
                 error_type: str = "", request_id: str = "", retry_after: Optional[float] = None, is_retriable: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.status_code = status_code
        self.detail = detail
        self.body = body
        self.error_type = error_type
        self.request_id = request_id
        self.retry_after = retry_after
        self.is_retriable = is_retriable


class UsageError(GatewayError, ValueError):
    """The caller's mistake: a wrong option, an address that cannot be used."""


class OutOfMemory(GatewayError, MemoryError):
    """There was no memory for the call."""


class ConnectError(GatewayError, ConnectionError):
    """The gateway cannot be reached, or the connection broke before a reply."""


class TLSError(ConnectError):
    """A certificate or a handshake."""


class TimeoutExpired(GatewayError, TimeoutError):
    """`timeout`, `idle_timeout` or `connect_timeout` passed; or 408."""


class AuthError(GatewayError):
    """401: no key, or a wrong one."""


class PermissionDenied(GatewayError, PermissionError):
    """403: the key may not do this."""


class NotFound(GatewayError, LookupError):
    """404, 410: there is no such route."""


class LimitReached(GatewayError):
    """429: a limit of the gateway or of the provider; see retry_after."""


class InvalidRequest(GatewayError, ValueError):
    """Any other 4xx: the server refuses what was sent."""


class ServerError(GatewayError):
    """5xx: the gateway or the provider behind it failed."""


class ProtocolError(GatewayError):
    """The reply is not what the API promises, or larger than allowed."""


class Cancelled(GatewayError):
    """The call was cancelled."""


class StreamError(GatewayError):
    """The stream broke, or reported an error, after it had begun."""


KINDS = {
    -1: UsageError, -2: OutOfMemory, -3: ConnectError, -4: TLSError, -5: TimeoutExpired, -6: AuthError, -7: PermissionDenied,
    -8: NotFound, -9: LimitReached, -10: InvalidRequest, -11: ServerError, -12: ProtocolError, -13: Cancelled, -14: StreamError,
}
