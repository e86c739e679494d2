# SPDX-License-Identifier: Apache-2.0
"""The seven calls for asyncio: many at once in one thread, on the event loop's own descriptors and timers."""
from __future__ import annotations

import asyncio
import collections
import ctypes
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any, Optional

from . import client as calls
from ._lib import ON_END, ON_EVENT, ON_FD, ON_TEXT, ON_TIMEOUT, ON_USAGE, PAUSE, READ, WRITE, Callbacks, failure, lib, made, opened, piece
from .client import Outcome, uri_in_force
from .entities import LimitsConfig, PagedList, Route
from .errors import Cancelled

# Events that wait for their reader; at the first number the stream is paused, at the second it goes on.
_FULL, _LOW = 64, 16


class _Flight:
    """One call in flight."""

    def __init__(self) -> None:
        self.call: Any = None
        self.events: collections.deque[tuple[bytes, Optional[bytes]]] = collections.deque()
        self.is_over = self.is_paused = False
        self.waiter: Optional[asyncio.Future] = None

    def wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def changed(self) -> None:
        self.waiter = asyncio.get_running_loop().create_future()
        try:
            await self.waiter
        finally:
            self.waiter = None


class AsyncGatewayClient:
    """As GatewayClient, for the event loop in which it is used first. Cancelling a task cancels its call."""

    def __init__(self, gateway_uri: Optional[str] = None, **options: Any) -> None:
        self._options = {**options, "url": gateway_uri or uri_in_force()}
        self._client: Any = opened(self._options)
        self._loop: Any = None
        self._timer: Any = None
        self._flights: dict[int, _Flight] = {}
        self._ids = itertools.count(1)
        # The library keeps the functions, so they live as long as the client.
        self._callbacks = Callbacks(ctypes.sizeof(Callbacks), ON_EVENT(self._on_event), ON_TEXT(), ON_USAGE(), ON_END(self._on_end))
        self._on_fd_c, self._on_timeout_c = ON_FD(self._on_fd), ON_TIMEOUT(self._on_timeout)

    @property
    def gateway_uri(self) -> str:
        return self._options["url"]

    # ---- called by the library ----

    def _on_event(self, arg: int, call: Any, event: Any) -> int:
        flight = self._flights[arg]
        flight.events.append((piece(lib.event_json, event) or b"null", piece(lib.event_text, event)))
        flight.wake()
        flight.is_paused = len(flight.events) >= _FULL
        return PAUSE if flight.is_paused else 0

    def _on_end(self, arg: int, call: Any, code: int) -> None:
        flight = self._flights[arg]
        flight.is_over = True
        flight.wake()

    def _on_fd(self, arg: Any, fd: int, events: int) -> None:
        if events & READ:
            self._loop.add_reader(fd, self._drive, fd, READ)
        else:
            self._loop.remove_reader(fd)
        if events & WRITE:
            self._loop.add_writer(fd, self._drive, fd, WRITE)
        else:
            self._loop.remove_writer(fd)

    def _on_timeout(self, arg: Any) -> None:
        self._loop.call_soon(self._set_timer)

    # ---- the loop ----

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._client is not None and (msec := lib.timeout_msec(self._client)) >= 0:
            self._timer = self._loop.call_later(msec / 1000, self._drive, -1, 0)

    def _drive(self, fd: int, events: int) -> None:
        if self._client is not None:
            err = ctypes.c_void_p()
            if lib.drive(self._client, fd, events, ctypes.byref(err)) < 0:
                self._loop.call_exception_handler({"message": "libsluice could not go on", "exception": failure(err)})
            self._set_timer()

    def _start(self, request: tuple) -> tuple[int, _Flight]:
        loop = asyncio.get_running_loop()
        if self._client is None:
            raise RuntimeError("this client is closed")
        if self._loop is None:
            self._loop = loop
            lib.watch(self._client, self._on_fd_c, self._on_timeout_c, None)
        elif self._loop is not loop:
            raise RuntimeError("this client belongs to another event loop")
        maker, *arguments = request
        made_request = made(maker, self._client, *arguments)
        number, flight = next(self._ids), _Flight()
        self._flights[number] = flight
        try:
            flight.call = made(lib.start_stream, self._client, made_request, ctypes.byref(self._callbacks), number)
        except BaseException:
            del self._flights[number]
            raise
        finally:
            lib.request_free(made_request)
        self._set_timer()
        return number, flight

    def _end(self, number: int) -> None:
        flight = self._flights.get(number)
        if flight is not None:
            call, flight.call = flight.call, None
            lib.call_free(call)  # it may tell the end; None is nothing to free
            del self._flights[number]

    @staticmethod
    def _finish(flight: _Flight) -> Any:
        if flight.call is None:
            raise Cancelled("the client was closed", "SLUICE_ECANCELLED")
        call, flight.call = flight.call, None
        result, err = ctypes.c_void_p(), ctypes.c_void_p()
        if lib.finish(call, ctypes.byref(result), ctypes.byref(err)) < 0:
            raise failure(err)
        return result

    async def _perform(self, asked: tuple) -> Any:
        request, read = asked
        number, flight = self._start(request)
        try:
            while not flight.is_over:
                await flight.changed()
            result = self._finish(flight)
            try:
                return read(result)
            finally:
                lib.result_free(result)
        finally:
            self._end(number)

    async def get_route(self, name: str) -> Route:
        return await self._perform(calls.get_route(name))

    async def search_routes(self, page_token: Optional[str] = None) -> PagedList:
        return await self._perform(calls.search_routes(page_token))

    async def create_route(self, name: str, route_type: Optional[str] = None, model: Optional[dict[str, Any]] = None) -> Route:
        return await self._perform(calls.create_route(name, route_type, model))

    async def delete_route(self, name: str) -> None:
        await self._perform(calls.delete_route(name))

    async def set_limits(self, route: str, limits: list[dict[str, Any]]) -> LimitsConfig:
        return await self._perform(calls.set_limits(route, limits))

    async def get_limits(self, route: str) -> LimitsConfig:
        return await self._perform(calls.get_limits(route))

    async def query(self, route: str, data: dict[str, Any]) -> Any:
        return await self._perform(calls.query(route, data, False))

    def query_stream(self, route: str, data: dict[str, Any]) -> "AsyncStream":
        """A stream for `async for`; the call begins with it."""
        return AsyncStream(self, route, data)

    def close(self) -> None:
        """Cancels what is in flight and closes the connections."""
        client = self._client
        if client is None:
            return
        for number in list(self._flights):
            self._flights[number].is_over = True
            self._flights[number].wake()
            self._end(number)
        self._client = None
        lib.close(client)
        if self._timer is not None:
            self._timer.cancel()

    async def __aenter__(self) -> "AsyncGatewayClient":
        return self

    async def __aexit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_client", None) is not None and (self._loop is None or self._loop.is_closed()):
            lib.close(self._client)


class AsyncStream:
    """The events of one stream, as decoded JSON. A slow reader slows the provider down: only some events wait for it.
    Leaving it early (`async with`, close) cancels the call. `outcome` stands when the stream is over."""

    def __init__(self, client: AsyncGatewayClient, route: str, data: dict[str, Any]) -> None:
        self._client = client
        self._request, _ = calls.query(route, data, True)
        self._number: Optional[int] = None
        self.outcome: Optional[Outcome] = None

    async def _events(self) -> AsyncIterator[tuple[bytes, Optional[bytes]]]:
        self._number, flight = self._client._start(self._request)
        try:
            while True:
                while flight.events:
                    event = flight.events.popleft()
                    if flight.is_paused and len(flight.events) <= _LOW:
                        flight.is_paused = False
                        lib.resume(flight.call)
                    yield event
                if flight.is_over:
                    break
                await flight.changed()
            result = self._client._finish(flight)
            self.outcome = Outcome(result)
            lib.result_free(result)
        finally:
            self.close()

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for raw, _ in self._events():
            yield json.loads(raw)

    async def texts(self) -> AsyncIterator[str]:
        """Only what the events add to the answer's text."""
        async for _, raw in self._events():
            if raw:
                yield raw.decode()

    def close(self) -> None:
        if self._number is not None:
            number, self._number = self._number, None
            self._client._end(number)

    async def __aenter__(self) -> "AsyncStream":
        return self

    async def __aexit__(self, *_: Any) -> None:
        self.close()
