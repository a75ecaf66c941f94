"""Answers under an Idempotency-Key, taken apart for keeping and put together again.

Of a thing its id is kept, and it is read again through the door, as it is then and as this caller may see it then.
Everything else in a payload is kept as it was said: event ids, states, times, and secrets that are shown once.
"""

import dataclasses
import enum
from collections.abc import Callable
from datetime import datetime
from typing import Any

from policies.errors import Refused
from resolvers import idempotency
from schema.ids import decode_id_of, encode_id
from schema.nodes import Info, Node


def once(info: Info, perform: Callable[[], Any]) -> Any:
    """What `perform` answers, or what it answered when the same request was carried out before.

    Raises as `resolvers.idempotency.told` does, and what `perform` raises.
    """
    context = info.context
    claim = idempotency.claim(context, str(info.path.key))
    with idempotency.alone(context, claim):
        packed = idempotency.told(context, claim)
        if packed is not None:
            try:
                return unpack(packed, info)
            except Refused as refusal:
                context.record_refusal(info.python_name, refusal)
                raise
        with context.writing(info.python_name):
            payload = perform()
            idempotency.keep(context, claim, pack(payload))
            return payload


def pack(value: Any) -> Any:
    """A payload in the form in which JSON holds it. Raises TypeError for what has no such form.

    Text, numbers, truth values and null stand for themselves; a list for itself; everything else is an object with one
    entry, named after what it is.
    """
    known = getattr(type(value), "__strawberry_definition__", None)
    if isinstance(value, enum.Enum):
        return pack(value.value) if known is None else {"enum": [known.name, value.name]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [pack(each) for each in value]
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if isinstance(value, Node):
        return {"node": [type(value).__name__, encode_id(type(value).__name__, value.row.id)]}
    if known is not None and dataclasses.is_dataclass(value):
        kept = (field.name for field in dataclasses.fields(value) if field.init)  # others are worked out when asked for
        fields = {name: pack(getattr(value, name)) for name in kept}
        return {"type": [known.name, fields]}
    raise TypeError(f"{type(value).__name__} in a payload can't be kept for a repeated answer")


def unpack(value: Any, info: Info) -> Any:
    """What `pack` took apart. Raises `NotFound` for a thing that is gone, or that the caller may not see any more."""
    if isinstance(value, list):
        return [unpack(each, info) for each in value]
    if not isinstance(value, dict):
        return value
    [(form, said)] = value.items()
    if form == "time":
        return datetime.fromisoformat(said)
    name, rest = said
    if form == "enum":
        return _python_type(info, name)[rest]
    if form == "node":
        return _python_type(info, name).fetch(info, decode_id_of(name, rest, "id"))
    return _python_type(info, name)(**{field: unpack(each, info) for field, each in rest.items()})


def _python_type(info: Info, name: str) -> Any:
    found: Any = info.schema.get_type_by_name(name)
    return found.wrapped_cls if hasattr(found, "wrapped_cls") else found.origin
