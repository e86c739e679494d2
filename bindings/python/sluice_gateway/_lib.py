# SPDX-License-Identifier: Apache-2.0
"""libsluice by ctypes: its functions with their types, and errors as exceptions. Nothing else calls it by itself."""
from __future__ import annotations

import ctypes
import ctypes.util
import os
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_void_p
from typing import Any, Optional

from .errors import KINDS, GatewayError

NEXT_AGAIN, NEXT_EVENT, NEXT_END = 1, 2, 3
PAUSE = 1
READ, WRITE, FAULT = 1, 2, 4

ON_EVENT = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p)
ON_TEXT = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_size_t)
ON_USAGE = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p)
ON_END = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_int)
ON_FD = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_int)
ON_TIMEOUT = ctypes.CFUNCTYPE(None, c_void_p)


class Callbacks(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("on_event", ON_EVENT), ("on_text", ON_TEXT), ("on_usage", ON_USAGE), ("on_end", ON_END)]


class Fd(ctypes.Structure):
    _fields_ = [("fd", c_int), ("events", c_int)]


class Tokens(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("prompt", c_int64), ("completion", c_int64), ("total", c_int64), ("cached", c_int64),
                ("reasoning", c_int64)]


_OBJECT, _OUT, _TEXT, _LEN = c_void_p, POINTER(c_void_p), c_char_p, POINTER(c_size_t)
_FUNCTIONS: dict[str, tuple[Any, tuple]] = {
    "version": (_TEXT, ()),
    "error_code": (c_int, (_OBJECT,)),
    "error_name": (_TEXT, (_OBJECT,)),
    "error_text": (_TEXT, (_OBJECT,)),
    "error_http_status": (c_int, (_OBJECT,)),
    "error_retry_after_msec": (c_int64, (_OBJECT,)),
    "error_is_retriable": (c_int, (_OBJECT,)),
    "error_request_id": (_TEXT, (_OBJECT,)),
    "error_type": (_TEXT, (_OBJECT,)),
    "error_detail": (_TEXT, (_OBJECT,)),
    "error_body": (c_void_p, (_OBJECT, _LEN)),
    "error_free": (None, (_OBJECT,)),
    "opts_new": (c_void_p, ()),
    "opts_free": (None, (_OBJECT,)),
    "opts_from_env": (c_int, (_OBJECT, _OUT)),
    "opts_set_str": (c_int, (_OBJECT, _TEXT, _TEXT, _OUT)),
    "opts_set_int": (c_int, (_OBJECT, _TEXT, c_int64, _OUT)),
    "opts_set_msec": (c_int, (_OBJECT, _TEXT, c_int64, _OUT)),
    "open": (c_int, (_OBJECT, _OUT, _OUT)),
    "close": (None, (_OBJECT,)),
    "gateway_set_uri": (c_int, (_TEXT, _OUT)),
    "gateway_get_uri": (c_int, (c_void_p, c_size_t, _OUT)),
    "request_get_route": (c_int, (_OBJECT, _TEXT, _OUT, _OUT)),
    "request_search_routes": (c_int, (_OBJECT, _TEXT, _OUT, _OUT)),
    "request_create_route": (c_int, (_OBJECT, _TEXT, _TEXT, _TEXT, c_size_t, _OUT, _OUT)),
    "request_delete_route": (c_int, (_OBJECT, _TEXT, _OUT, _OUT)),
    "request_set_limits": (c_int, (_OBJECT, _TEXT, _TEXT, c_size_t, _OUT, _OUT)),
    "request_get_limits": (c_int, (_OBJECT, _TEXT, _OUT, _OUT)),
    "request_query": (c_int, (_OBJECT, _TEXT, _TEXT, c_size_t, c_int, _OUT, _OUT)),
    "request_free": (None, (_OBJECT,)),
    "start": (c_int, (_OBJECT, _OBJECT, _OUT, _OUT)),
    "start_stream": (c_int, (_OBJECT, _OBJECT, POINTER(Callbacks), c_void_p, _OUT, _OUT)),
    "next": (c_int, (_OBJECT, _OUT)),
    "finish": (c_int, (_OBJECT, _OUT, _OUT)),
    "call_free": (None, (_OBJECT,)),
    "resume": (None, (_OBJECT,)),
    "fds": (c_size_t, (_OBJECT, POINTER(Fd), c_size_t)),
    "timeout_msec": (c_int64, (_OBJECT,)),
    "drive": (c_int, (_OBJECT, c_int, c_int, _OUT)),
    "watch": (None, (_OBJECT, ON_FD, ON_TIMEOUT, c_void_p)),
    "result_json": (c_void_p, (_OBJECT, _LEN)),
    "result_status": (c_int, (_OBJECT,)),
    "result_header": (_TEXT, (_OBJECT, _TEXT)),
    "result_request_id": (_TEXT, (_OBJECT,)),
    "result_route_count": (c_size_t, (_OBJECT,)),
    "result_route": (c_void_p, (_OBJECT, c_size_t)),
    "result_next_page_token": (_TEXT, (_OBJECT,)),
    "result_tokens": (c_int, (_OBJECT, POINTER(Tokens))),
    "result_text": (c_void_p, (_OBJECT, _LEN)),
    "result_free": (None, (_OBJECT,)),
    "route_json": (c_void_p, (_OBJECT, _LEN)),
    "route_url": (_TEXT, (_OBJECT,)),
    "event_json": (c_void_p, (_OBJECT, _LEN)),
    "event_text": (c_void_p, (_OBJECT, _LEN)),
}


def _load() -> ctypes.CDLL:
    """SLUICE_LIBRARY is a path to use instead of the installed library."""
    name = os.environ.get("SLUICE_LIBRARY") or "libsluice.so.1"
    try:
        return ctypes.CDLL(name)
    except OSError as e:
        raise ImportError(f"sluice_gateway needs the C library libsluice ({name}): install it, or set SLUICE_LIBRARY to its path. {e}") from e


class Lib:
    """The functions without their prefix: lib.open is sluice_open."""

    def __init__(self) -> None:
        library = _load()
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, "sluice_" + name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)


lib: Any = Lib()


def text(value: Optional[bytes]) -> str:
    return (value or b"").decode("utf-8", "replace")


def piece(function: Any, thing: Any) -> Optional[bytes]:
    """Bytes of known length that belong to `thing`; None when there are none."""
    n = c_size_t(0)
    p = function(thing, byref(n))
    return None if p is None else ctypes.string_at(p, n.value)


def failure(err: c_void_p) -> GatewayError:
    """The exception for an error; it frees the error."""
    try:
        wait = lib.error_retry_after_msec(err)
        return KINDS.get(lib.error_code(err), GatewayError)(
            text(lib.error_text(err)), text(lib.error_name(err)), lib.error_http_status(err) or None, text(lib.error_detail(err)),
            piece(lib.error_body, err) or b"", text(lib.error_type(err)), text(lib.error_request_id(err)),
            None if wait < 0 else wait / 1000, bool(lib.error_is_retriable(err)))
    finally:
        lib.error_free(err)


def made(function: Any, *arguments: Any) -> c_void_p:
    """Calls a function that stores a new object and an error as its last two arguments."""
    thing, err = c_void_p(), c_void_p()
    if function(*arguments, byref(thing), byref(err)) < 0:
        raise failure(err)
    return thing


def done(function: Any, *arguments: Any) -> None:
    """Calls a function whose last argument is an error."""
    err = c_void_p()
    if function(*arguments, byref(err)) < 0:
        raise failure(err)


# How each option is set: the library's name for it is the same.
_TEXTS = {"url", "unix_socket", "key", "username", "password", "ca", "ca_path", "cert", "cert_key", "cert_key_password", "proxy", "user_agent"}
_NUMBERS = {"insecure", "proxy_from_env", "retries", "max_connections", "max_reply_bytes", "max_event_bytes"}
_SECONDS = {"connect_timeout", "idle_timeout", "timeout", "backoff", "backoff_max", "retry_after_max"}


def opened(options: dict[str, Any]) -> c_void_p:
    """A new client with the options of the environment and, over them, `options`."""
    opts = lib.opts_new()
    if opts is None:
        raise MemoryError
    try:
        done(lib.opts_from_env, opts)
        for name, value in options.items():
            if value is None:
                continue
            if name in _TEXTS:
                done(lib.opts_set_str, opts, name.encode(), encoded(value))
            elif name in _NUMBERS:
                done(lib.opts_set_int, opts, name.encode(), int(value))
            elif name in _SECONDS:
                done(lib.opts_set_msec, opts, name.encode(), round(value * 1000))
            else:
                raise TypeError(f"there is no option {name!r}; there are {', '.join(sorted(_TEXTS | _NUMBERS | _SECONDS))}")
        return made(lib.open, opts)
    finally:
        lib.opts_free(opts)


def encoded(value: Any) -> bytes:
    """A text for the library, which ends at a NUL: one inside is refused and not cut."""
    raw = str(value).encode()
    if b"\0" in raw:
        raise ValueError(f"a NUL byte in {value!r}")
    return raw
