"""What can be done to a table, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from lvsctl.model.table import RealAttrs, RealKey, ServiceAttrs, ServiceKey


@dataclass(frozen=True, slots=True)
class AddService:
    name: ClassVar[str] = "add-service"
    service: ServiceKey
    attrs: ServiceAttrs


@dataclass(frozen=True, slots=True)
class EditService:
    name: ClassVar[str] = "edit-service"
    service: ServiceKey
    attrs: ServiceAttrs


@dataclass(frozen=True, slots=True)
class DeleteService:
    name: ClassVar[str] = "delete-service"
    service: ServiceKey


@dataclass(frozen=True, slots=True)
class AddServer:
    name: ClassVar[str] = "add-server"
    service: ServiceKey
    server: RealKey
    attrs: RealAttrs


@dataclass(frozen=True, slots=True)
class EditServer:
    name: ClassVar[str] = "edit-server"
    service: ServiceKey
    server: RealKey
    attrs: RealAttrs


@dataclass(frozen=True, slots=True)
class DeleteServer:
    name: ClassVar[str] = "delete-server"
    service: ServiceKey
    server: RealKey


Op: TypeAlias = AddService | EditService | DeleteService | AddServer | EditServer | DeleteServer


@dataclass(frozen=True, slots=True)
class Refusal:
    """The kernel's answer to an operation that it did not carry out. errno: as in errno.h."""

    errno: int
    message: str


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a plan and, in words for the operator, what it changes and why."""

    op: Op
    change: str  # e.g. "weight 5 -> 0"; "" where the operation says it all
    reason: str
    drift: bool = False  # undoes what somebody else did


Plan: TypeAlias = tuple[Step, ...]
