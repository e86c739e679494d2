# SPDX-License-Identifier: Apache-2.0
"""The calls of mlflow.gateway, which MLflow 3 removed, for the Sluice gateway and every other that speaks MLflow's protocol:

    import sluice_gateway as gateway

    gateway.set_gateway_uri("http://127.0.0.1:5000")
    gateway.query("chat", {"messages": [{"role": "user", "content": "hello"}]})

Names, arguments and returned entities are MLflow's. Beside them: query_stream, GatewayClient (MlflowGatewayClient is its
other name) and AsyncGatewayClient. Errors are GatewayError and its kinds. The work is done by the C library libsluice."""
from __future__ import annotations

import os
import re
import threading
from typing import Any, Optional

from ._lib import done as _done, encoded as _encoded, lib as _lib, text as _text
from .aio import AsyncGatewayClient, AsyncStream
from .client import GatewayClient, Outcome, Stream, uri_in_force as get_gateway_uri
from .entities import Endpoint, Limit, LimitsConfig, PagedList, Route, RouteModelInfo
from .errors import (
    AuthError, Cancelled, ConnectError, GatewayError, InvalidRequest, LimitReached, NotFound, OutOfMemory, PermissionDenied,
    ProtocolError, ServerError, StreamError, TimeoutExpired, TLSError, UsageError,
)

MlflowGatewayClient = GatewayClient

__version__ = _text(_lib.version())
__all__ = [
    "create_route", "delete_route", "get_route", "set_limits", "get_limits", "get_gateway_uri", "MlflowGatewayClient", "query",
    "search_routes", "set_gateway_uri", "query_stream", "GatewayClient", "AsyncGatewayClient", "Stream", "AsyncStream", "Outcome",
    "Route", "RouteModelInfo", "Limit", "LimitsConfig", "Endpoint", "PagedList", "GatewayError", "UsageError", "OutOfMemory",
    "ConnectError", "TLSError", "TimeoutExpired", "AuthError", "PermissionDenied", "NotFound", "LimitReached", "InvalidRequest",
    "ServerError", "ProtocolError", "Cancelled", "StreamError",
]

# The environment counts at every call, as with MLflow; a client is kept as long as nothing in it changed.
_VARIABLES = re.compile(r"(SLUICE|MLFLOW)_|(https?|no|all)_proxy$", re.I)
_lock = threading.Lock()
_kept: Optional[tuple[tuple, GatewayClient]] = None


def _client() -> GatewayClient:
    global _kept
    now = (get_gateway_uri(), tuple(sorted((k, v) for k, v in os.environ.items() if _VARIABLES.match(k))))
    with _lock:
        if _kept is None or _kept[0] != now:
            _kept = (now, GatewayClient(now[0]))
        return _kept[1]


def set_gateway_uri(gateway_uri: str) -> None:
    """Sets the URI for the process. It needs a scheme and a host; else UsageError, and the old one stays."""
    _done(_lib.gateway_set_uri, _encoded(gateway_uri))


def get_route(name: str) -> Route:
    """One route by its name; NotFound when there is none."""
    return _client().get_route(name)


def search_routes() -> list[Route]:
    """All routes."""
    client, routes = _client(), PagedList()
    token: Optional[str] = None
    while True:
        page = client.search_routes(token)
        routes.extend(page)
        token = page.token
        if not token:
            return routes


def create_route(name: str, route_type: Optional[str] = None, model: Optional[dict[str, Any]] = None) -> Route:
    """Makes a route. `model`: {"name": …, "provider": …, "openai_config": {…}}."""
    return _client().create_route(name, route_type, model)


def delete_route(name: str) -> None:
    """Deletes a route; NotFound when there is none."""
    _client().delete_route(name)


def set_limits(route: str, limits: list[dict[str, Any]]) -> LimitsConfig:
    """Replaces a route's limits: [{"calls": 50, "key": "user", "renewal_period": "minute"}]; [] removes them."""
    return _client().set_limits(route, limits)


def get_limits(route: str) -> LimitsConfig:
    """A route's limits."""
    return _client().get_limits(route)


def query(route: str, data: dict[str, Any]) -> Any:
    """Asks a route; the decoded JSON of the reply."""
    return _client().query(route, data)


def query_stream(route: str, data: dict[str, Any]) -> Stream:
    """Asks a route for a stream: `for event in query_stream(…)`, or `.texts()` for the answer's text alone."""
    return _client().query_stream(route, data)
