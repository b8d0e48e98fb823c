"""The list of HTTP addresses for people; OpenAPI viewers load scripts from the internet."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Operation:
    """One address with its method and purpose."""

    method: str
    path: str
    summary: str


@dataclass(frozen=True)
class OperationGroup:
    """Addresses of one tag."""

    name: str
    operations: tuple[Operation, ...]


def operation_groups(openapi: Mapping[str, Any]) -> tuple[OperationGroup, ...]:
    """Group the operations of an OpenAPI description by their first tag, in its order."""
    groups: dict[str, list[Operation]] = defaultdict(list)
    for path, methods in openapi.get("paths", {}).items():
        for method, operation in methods.items():
            name = (operation.get("tags") or ["other"])[0]
            groups[name].append(Operation(method.upper(), path, operation.get("summary", "")))
    return tuple(OperationGroup(name, tuple(found)) for name, found in groups.items())
