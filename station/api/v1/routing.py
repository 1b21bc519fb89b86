"""How an area of /api/v1 names its routes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Route:
    """One route: `path` below /api/v1; `model` None for an answer that is no JSON document of ours.

    `responses` describes answers besides those every route of its kind has, by status.
    """

    method: str
    path: str
    function: Callable[..., Any]
    summary: str
    tag: str
    model: type[BaseModel] | None = None
    status: int = 200
    responses: Mapping[int | str, dict[str, Any]] = field(default_factory=dict)
