# SPDX-License-Identifier: Apache-2.0
"""The seven calls on one gateway, blocking. Ctrl-C ends a call at once."""
from __future__ import annotations

import ctypes
import json
import os
import select
import threading
from collections.abc import Iterator
from typing import Any, Optional

from . import entities
from ._lib import FAULT, NEXT_END, NEXT_EVENT, READ, WRITE, Fd, Tokens, done, encoded, failure, lib, made, opened, piece, text
from .entities import LimitsConfig, PagedList, Route


def uri_in_force() -> str:
    """The URI in force: that of set_gateway_uri, else SLUICE_SERVER, else MLFLOW_GATEWAY_URI."""
    room = ctypes.create_string_buffer(65536)
    done(lib.gateway_get_uri, room, len(room))
    return room.value.decode()


# ---- requests: a maker and its arguments, and what becomes of the result; for both clients ---------------------

def body(value: Any) -> tuple[bytes, int]:
    raw = json.dumps(value).encode()
    return raw, len(raw)


def get_route(name: str) -> tuple:
    return (lib.request_get_route, encoded(name)), route_of


def search_routes(page_token: Optional[str]) -> tuple:
    return (lib.request_search_routes, None if page_token is None else encoded(page_token)), page_of


def create_route(name: str, route_type: Optional[str], model: Optional[dict[str, Any]]) -> tuple:
    raw, n = (None, 0) if model is None else body(model)
    return (lib.request_create_route, encoded(name), None if route_type is None else encoded(route_type), raw, n), route_of


def delete_route(name: str) -> tuple:
    return (lib.request_delete_route, encoded(name)), lambda result: None


def set_limits(route: str, limits: list[dict[str, Any]]) -> tuple:
    return (lib.request_set_limits, encoded(route), *body(limits)), limits_of


def get_limits(route: str) -> tuple:
    return (lib.request_get_limits, encoded(route)), limits_of


def query(route: str, data: Any, stream: bool) -> tuple:
    return (lib.request_query, encoded(route), *body(data), int(stream)), value_of


def value_of(result: Any) -> Any:
    raw = piece(lib.result_json, result)
    return json.loads(raw) if raw else None


def routes_of(result: Any) -> list[Route]:
    found = (lib.result_route(result, i) for i in range(lib.result_route_count(result)))
    return [entities.route(json.loads(piece(lib.route_json, x) or b""), text(lib.route_url(x))) for x in found]


def route_of(result: Any) -> Route:
    return routes_of(result)[0]


def page_of(result: Any) -> PagedList:
    token = lib.result_next_page_token(result)
    return PagedList(routes_of(result), None if token is None else text(token))


def limits_of(result: Any) -> LimitsConfig:
    return entities.limits(value_of(result))


class Outcome:
    """What is known of a stream when it is over."""

    def __init__(self, result: Any) -> None:
        tokens = Tokens(ctypes.sizeof(Tokens), -1, -1, -1, -1, -1)
        lib.result_tokens(result, ctypes.byref(tokens))
        names = ("prompt", "completion", "total", "cached", "reasoning")
        self.tokens: dict[str, int] = {n: getattr(tokens, n) for n in names if getattr(tokens, n) >= 0}
        raw = piece(lib.result_text, result)
        self.text: Optional[str] = None if raw is None else raw.decode()
        self.request_id: str = text(lib.result_request_id(result))


class _Connection:
    """One client of the library; one thread uses it at a time."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.client = opened(options)
        self.owner = os.getpid()

    def wait(self) -> None:
        """Waits until something happens, and does what can be done. Signal handlers run, and may raise."""
        room = 16
        fds = (Fd * room)()
        while (n := lib.fds(self.client, fds, room)) > room:
            room = n
            fds = (Fd * room)()
        poll = select.poll()
        for one in fds[:n]:
            poll.register(one.fd, (select.POLLIN if one.events & READ else 0) | (select.POLLOUT if one.events & WRITE else 0))
        msec = lib.timeout_msec(self.client)
        ready = poll.poll(None if msec < 0 else msec)
        for fd, mask in ready or [(-1, 0)]:
            events = (READ if mask & select.POLLIN else 0) | (WRITE if mask & select.POLLOUT else 0)
            events |= FAULT if mask & (select.POLLERR | select.POLLHUP) else 0
            done(lib.drive, self.client, fd, events)

    def close(self) -> None:
        client, self.client = self.client, None
        if client is not None and self.owner == os.getpid():
            lib.close(client)


class GatewayClient:
    """A client of one gateway. Any number of threads may use it; it may be pickled, and used after a fork.

    gateway_uri: None means the one in force (see uri_in_force above). Options, over those of the environment: url's
    texts `unix_socket`, `key`, `username`, `password`, `ca`, `ca_path`, `cert`, `cert_key`, `cert_key_password`,
    `proxy`, `user_agent`; numbers `insecure`, `proxy_from_env`, `retries`, `max_connections`, `max_reply_bytes`,
    `max_event_bytes`; seconds `connect_timeout`, `idle_timeout`, `timeout`, `backoff`, `backoff_max`,
    `retry_after_max`. sluice_opts(3) says what each means."""

    def __init__(self, gateway_uri: Optional[str] = None, **options: Any) -> None:
        self._options = {**options, "url": gateway_uri or uri_in_force()}
        self._begin()
        self._give(self._take())  # a wrong option is told here and not by the first call

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []

    def __getstate__(self) -> dict[str, Any]:
        return {"options": self._options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._options = state["options"]
        self._begin()

    @property
    def gateway_uri(self) -> str:
        return self._options["url"]

    def _take(self) -> _Connection:
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if connection.owner == os.getpid():
                    return connection
        return _Connection(self._options)

    def _give(self, connection: _Connection) -> None:
        with self._lock:
            self._idle.append(connection)

    def close(self) -> None:
        """Closes the connections that no call uses. A later call opens new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def __enter__(self) -> "GatewayClient":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_idle"):
            self.close()

    def _perform(self, asked: tuple) -> Any:
        request, read = asked
        with _Call(self, request) as call:
            while call.next() is None:
                call.connection.wait()
            result = call.finish()
            try:
                return read(result)
            finally:
                lib.result_free(result)

    def get_route(self, name: str) -> Route:
        return self._perform(get_route(name))

    def search_routes(self, page_token: Optional[str] = None) -> PagedList:
        """One page; its `token` asks for the next one."""
        return self._perform(search_routes(page_token))

    def create_route(self, name: str, route_type: Optional[str] = None, model: Optional[dict[str, Any]] = None) -> Route:
        return self._perform(create_route(name, route_type, model))

    def delete_route(self, name: str) -> None:
        self._perform(delete_route(name))

    def set_limits(self, route: str, limits: list[dict[str, Any]]) -> LimitsConfig:
        """Replaces the route's limits: [{"calls": 5, "key": None, "renewal_period": "minute"}]; [] removes them."""
        return self._perform(set_limits(route, limits))

    def get_limits(self, route: str) -> LimitsConfig:
        return self._perform(get_limits(route))

    def query(self, route: str, data: dict[str, Any]) -> Any:
        """Asks a route; the decoded JSON of the reply."""
        return self._perform(query(route, data, False))

    def query_stream(self, route: str, data: dict[str, Any]) -> "Stream":
        """Asks a route for a stream ("stream": true is put into the body)."""
        return Stream(self, route, data)


class _Call:
    """One call in flight and the connection that it uses; leaving the `with` cancels it when it is not over."""

    def __init__(self, client: GatewayClient, request: tuple) -> None:
        maker, *arguments = request
        self.client = client
        self.connection = client._take()
        self.call: Any = None
        try:
            made_request = made(maker, self.connection.client, *arguments)
            try:
                self.call = made(lib.start, self.connection.client, made_request)
            finally:
                lib.request_free(made_request)
        except BaseException:
            client._give(self.connection)
            raise

    def next(self) -> Any:
        """The next event, False when the call is over, None when nothing came yet."""
        event = ctypes.c_void_p()
        code = lib.next(self.call, ctypes.byref(event))
        return event if code == NEXT_EVENT else False if code == NEXT_END or code < 0 else None

    def finish(self) -> Any:
        """The result, which the caller frees."""
        call, self.call = self.call, None
        result, err = ctypes.c_void_p(), ctypes.c_void_p()
        if lib.finish(call, ctypes.byref(result), ctypes.byref(err)) < 0:
            raise failure(err)
        return result

    def end(self) -> None:
        if self.call is not None:
            lib.call_free(self.call)
            self.call = None
        if self.connection is not None:
            self.client._give(self.connection)
            self.connection = None  # type: ignore[assignment]

    def __enter__(self) -> "_Call":
        return self

    def __exit__(self, *_: Any) -> None:
        self.end()


class Stream:
    """The events of one stream, as decoded JSON; leaving it early (`with`, close) cancels the call. One thread at a time
    uses a stream. `outcome` stands when the stream is over."""

    def __init__(self, client: GatewayClient, route: str, data: dict[str, Any]) -> None:
        request, _ = query(route, data, True)
        self._call = _Call(client, request)
        self.outcome: Optional[Outcome] = None

    def _events(self) -> Iterator[Any]:
        while self._call.call is not None:
            event = self._call.next()
            if event is None:
                self._call.connection.wait()
            elif event is False:
                try:
                    result = self._call.finish()
                    self.outcome = Outcome(result)
                    lib.result_free(result)
                finally:
                    self.close()
            else:
                yield event

    def __iter__(self) -> Iterator[Any]:
        for event in self._events():
            yield json.loads(piece(lib.event_json, event) or b"null")

    def texts(self) -> Iterator[str]:
        """Only what the events add to the answer's text."""
        for event in self._events():
            raw = piece(lib.event_text, event)
            if raw:
                yield raw.decode()

    def close(self) -> None:
        self._call.end()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_call"):
            self.close()

