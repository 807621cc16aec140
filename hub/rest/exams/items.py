"""Read and replace the items of an exam: its questions, with their answer keys.

A stored version must never change; an edit stores the next version. Answer keys must never reach a user who can
neither edit the exam nor review its attempts, and every reading is recorded.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Router, get, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, UnsetType
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Conflict, Forbidden, KeyReused, NotFound
from db.queries.exams import items
from db.queries.exams.items import Item, ItemSet
from db.unit import change
from hub.auth.guards import BEARER, Principal, principal_as
from hub.errors import Busy, Expired, Fault, Invalid, Unauthenticated, problems, refuse_any
from hub.rest.exams.exams import Version
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.http.bodies import LARGE_BYTES
from hub.rest.http.fields import Choice, ItemName, Text
from hub.rest.http.idempotency import Once, may_edit
from protocol.attempts import ItemKind
from protocol.events import fits_answered
from protocol.roles import Role

ITEMS_MAX: Final = 500
CHOICES_MAX: Final = 100

_WITH_CHOICES: Final = (ItemKind.CHOICE, ItemKind.MULTIPLE)


class NumberKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key of an item of kind `number`: an answer is right if it differs from `value` by at most `tolerance`."""

    value: float
    tolerance: Annotated[float, Meta(ge=0)] = 0


class NewItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item. `item` is its name in answers and events, and should stay the same in all versions.

    The `answer_key` depends on the kind: `choice` one of the choices, `multiple` a list of choices, `number`
    {value, tolerance}, `text` null, because a teacher grades it.
    """

    item: ItemName
    kind: ItemKind
    prompt: Text
    choices: Annotated[list[Choice], Meta(max_length=CHOICES_MAX)] = []
    points: Annotated[float, Meta(ge=0, le=10_000)] = 1
    answer_key: Any = None


class NewItems(msgspec.Struct, frozen=True, kw_only=True):
    """All items of the next version, in order. `version`, if given, is the version you have seen."""

    items: Annotated[list[NewItem], Meta(max_length=ITEMS_MAX)]
    version: Version | None = None


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    """One item, without `answer_key` for users who must not see it."""

    item: str
    kind: ItemKind
    prompt: str
    choices: list[str]
    points: float
    answer_key: Any | UnsetType = UNSET


class ItemsView(msgspec.Struct, frozen=True):
    """The newest version of an exam's items. Version 0 means that there are none yet."""

    version: int
    items: list[ItemView]


@get(
    "/{exam_id:uuid}/items",
    summary="Read the items",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound),
)
async def read_items(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> ItemsView:
    """Read the newest items, with answer keys if you can edit the exam or review its attempts."""
    async with change(engine, None) as unit:
        found = await items.read_newest_items(unit.conn, exam_id, principal.user_id)
        if found.with_keys:
            record_action(
                unit, request, principal.user_id, "read_answer_keys", "exam", exam_id, items_version=found.version
            )
    return _show(found)


@put(
    "/{exam_id:uuid}/items",
    summary="Replace the items",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, Conflict, KeyReused, Busy),
    request_max_body_size=LARGE_BYTES,
)
async def replace_items(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    data: JSONBody[NewItems],
    once: NamedDependency[Once],
    principal: NamedDependency[Principal],
) -> ItemsView:
    """Store the next version of the items and the new maximum score. Attempts that have started keep their version."""
    # 500 items with 100 choices each take longer than the event loop may be held.
    new = await asyncio.to_thread(read_items_of, data.items)
    async with once.change(principal.user_id, check=may_edit(exam_id)) as unit:
        version = await items.replace_items(unit.conn, exam_id, principal.user_id, new, seen=data.version)
        record_action(
            unit, request, principal.user_id, "replace_items", "exam", exam_id, items_version=version, items=len(new)
        )
        return once.keep(_show(ItemSet(version, new, with_keys=True)))


router: Final = Router(
    path="/exams",
    tags=["exams"],
    route_handlers=[read_items, replace_items],
    dependencies={"principal": Provide(principal_as(Role.TEACHER, Role.ADMIN))},
)


def read_items_of(requested: Sequence[NewItem]) -> list[Item]:
    """Convert requested items to their stored form. Raises Invalid with every item that is not valid."""
    names: set[str] = set()
    faults: list[Fault] = []
    read: list[Item] = []
    for index, item in enumerate(requested):
        path = f"$.items[{index}]"
        if item.item in names:
            faults.append(Fault(f"{path}.item", "used twice"))
        names.add(item.item)
        own = [Fault(f"{path}.{field}", message) for field, message in _find_faults(item)]
        faults += own
        if not own:
            read.append(
                Item(
                    item=item.item,
                    kind=item.kind,
                    prompt=item.prompt,
                    choices=item.choices,
                    points=item.points,
                    answer_key=_read_key(item),
                )
            )
    refuse_any(faults)
    return read


def _find_faults(item: NewItem) -> Iterator[tuple[str, str]]:
    if not item.prompt.strip():
        yield "prompt", "required"
    if item.kind not in _WITH_CHOICES:
        if item.choices:
            yield "choices", f"a {item.kind} item has no choices"
    elif len(item.choices) < 2:
        yield "choices", "at least two choices are required"
    elif len(set(item.choices)) < len(item.choices):
        yield "choices", "each choice must be different"
    elif item.kind is ItemKind.MULTIPLE and not fits_answered(item.item, item.choices):
        # The student may choose all of them, and an answer has the texts of its choices.
        yield "choices", "too long together to be sent as one answer: shorten them, to about 32,000 bytes in all"
    try:
        _read_key(item)
    except ValueError as error:  # msgspec's errors are
        yield "answer_key", str(error)


def _read_key(item: NewItem) -> Any:
    """Return the answer key in its stored form. Raises ValueError with a message if it does not fit the item."""
    match item.kind, item.answer_key:
        case ItemKind.CHOICE, str(key) if key in item.choices:
            return key
        case ItemKind.CHOICE, _:
            raise ValueError("must be one of the choices")
        case ItemKind.MULTIPLE, list(keys) if _are_choices(keys, item.choices):
            # In the order of the choices, each once: how a key was written makes no difference.
            right = set(keys)
            return [choice for choice in item.choices if choice in right]
        case ItemKind.MULTIPLE, _:
            raise ValueError("must be a list of choices")
        case ItemKind.NUMBER, dict(key):
            return msgspec.to_builtins(msgspec.convert(key, NumberKey))
        case ItemKind.NUMBER, _:
            raise ValueError("must be {value, tolerance}")
        case _, None:
            return None
        case _:
            raise ValueError("must be null: a teacher grades this item")


def _are_choices(keys: Sequence[object], choices: Sequence[str]) -> bool:
    """Return whether the keys are some of the choices; there are never more of them, or the check could take long."""
    return len(keys) <= len(choices) and all(isinstance(key, str) for key in keys) and set(choices).issuperset(keys)


def _show(found: ItemSet) -> ItemsView:
    return ItemsView(
        found.version,
        [
            ItemView(
                item=item.item,
                kind=item.kind,
                prompt=item.prompt,
                choices=item.choices,
                points=item.points,
                answer_key=item.answer_key if found.with_keys else UNSET,
            )
            for item in found.items
        ],
    )
