"""Keep oso from calling anything of Python's for a rule: a policy's text comes out of the database.

oso looks up any attribute a rule names, and calls it where the rule does, so that `"".__class__` leads to every class
there is. Our checks refuse such a text before it is loaded (`policies.workbench`); here the engine refuses it too.

Read and tried with oso 0.27.3, the last release there is; the doctor compares the version.
"""

from typing import Any

from polar.exceptions import InvalidCallError, InvalidConstructorError
from polar.query import Query

_look_up = Query.handle_external_call


def _refuse_calls(query: Query, data: dict[str, Any]) -> None:
    """Look up a plain attribute, and refuse everything else that a rule may ask of a Python object."""
    if data["args"] is not None or data["kwargs"]:
        raise InvalidCallError("a rule calls nothing: compare a plain column")
    if str(data["attribute"]).startswith("_"):
        raise InvalidCallError("a rule looks at no attribute that begins with _")
    _look_up(query, data)  # type: ignore[no-untyped-call]


def _refuse_objects(_query: Query, _data: dict[str, Any]) -> None:
    raise InvalidConstructorError("a rule makes no object: compare with a literal")


def install() -> None:
    """Replace both in this process. A second call changes nothing."""
    Query.handle_external_call = _refuse_calls  # type: ignore[method-assign]
    Query.handle_make_external = _refuse_objects  # type: ignore[method-assign]
