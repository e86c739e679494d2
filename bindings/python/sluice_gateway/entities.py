# SPDX-License-Identifier: Apache-2.0
"""What the calls return, with the names and the fields of MLflow's own entities (mlflow.gateway.config). They are plain
dataclasses, so nothing but the standard library is needed. `dict()`, `model_dump()`, `json()` and `model_dump_json()`
give what MLflow's give."""
from __future__ import annotations

import dataclasses
import json
from typing import Any, Optional


class _Entity:
    def dict(self) -> dict[str, Any]:
        """The fields as a dictionary, those of entities in it too."""
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    def model_dump(self) -> dict[str, Any]:
        """The same, by its newer name."""
        return self.dict()

    def json(self) -> str:
        """The fields as JSON without spaces."""
        return json.dumps(self.dict(), separators=(",", ":"), ensure_ascii=False)

    def model_dump_json(self) -> str:
        """The same, by its newer name."""
        return self.json()


@dataclasses.dataclass
class Limit(_Entity):
    """`calls` a window of `renewal_period` ("minute", "5 hour", …). `key`: whose calls are counted together ("user",
    "route"); None: those of all callers."""

    calls: int
    key: Optional[str] = None
    renewal_period: str = ""


@dataclasses.dataclass
class LimitsConfig(_Entity):
    """The limits of a route."""

    limits: Optional[list[Limit]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class RouteModelInfo(_Entity):
    """The provider, and its name for the model (None: the route has none)."""

    name: Optional[str] = None
    provider: str = ""


@dataclasses.dataclass
class Route(_Entity):
    """One route. `route_url` is absolute for routes of get_route and search_routes, and as the server wrote it for
    create_route."""

    name: str
    route_type: str
    model: RouteModelInfo
    route_url: str
    limit: Optional[Limit] = None

    def to_endpoint(self) -> "Endpoint":
        """The same in the words of mlflow.deployments."""
        return Endpoint(self.name, self.route_type, self.model, self.route_url, self.limit)


@dataclasses.dataclass
class Endpoint(_Entity):
    """A route in the words of mlflow.deployments."""

    name: str
    endpoint_type: str
    model: RouteModelInfo
    endpoint_url: str
    limit: Optional[Limit] = None


class PagedList(list):
    """One page, and the token of the next one (None: it is the last)."""

    def __init__(self, items: Any = (), token: Optional[str] = None) -> None:
        super().__init__(items)
        self.token = token

    def to_list(self) -> list:
        """The page without its token."""
        return list(self)


def limit(value: Any) -> Optional[Limit]:
    if value is None:
        return None
    return Limit(value["calls"], value.get("key"), value["renewal_period"])


def limits(value: Any) -> LimitsConfig:
    found = value.get("limits", [])
    return LimitsConfig(None if found is None else [Limit(x["calls"], x.get("key"), x["renewal_period"]) for x in found])


def route(value: Any, url: Optional[str] = None) -> Route:
    model = value["model"]
    return Route(value["name"], value["route_type"], RouteModelInfo(model.get("name"), model["provider"]), url or value["route_url"],
                 limit(value.get("limit")))
