"""oso, and nothing but oso: a policy's text in, answers about an unknown row out.

Its own SQLAlchemy adapter is not used, since it joins relations INNER also under OR.
"""

import re
from typing import Any, Final

from oso import Oso
from polar.exceptions import OsoError
from polar.partial import TypeConstraint
from polar.variable import Variable

from policies import polar_calls
from policies.errors import PolicyError
from policies.facts import FACTS
from policies.resources import PROTECTED, RELATED, Platform, fields_of
from storage.records import Record

polar_calls.install()

CLASSES: Final[dict[str, type[Record]]] = {model.__name__: model for model in (*PROTECTED, *RELATED)}
"""The models, by the names that rules know them under."""

_LINE = re.compile(r"at line (\d+)")


class Wildcard(Exception):
    """A rule allows every action."""


def load(source: str, name: str) -> Oso:
    """oso with `source` loaded. Raises PolicyError, naming the file as `name`, also for what oso only warns of."""

    def no_warnings(message: str) -> str:
        """oso would print what it warns of; a policy that deserves a warning is not loaded."""
        if message.startswith("[warning]"):
            raise PolicyError(f"{name}:{line_of(message) or 1}: {plain(message.removeprefix('[warning] '))}")
        return message

    oso = Oso()
    oso.ffi_polar.set_message_enricher(no_warnings)
    for known in (*FACTS, Platform, *CLASSES.values()):
        fields = fields_of(known) if issubclass(known, Record) else None
        oso.register_constant(known, oso.host.cache_class(known, fields=fields))
    oso.host.register_mros()  # `register_class` does so anew with each class, which takes longer than all the rest
    try:
        oso.load_str(source)
    except OsoError as problem:
        raise PolicyError(f"{name}:{line_of(problem) or 1}: {plain(problem)}") from problem
    return oso


def answers(oso: Oso, rule: str, actor: object, thing: object) -> list[tuple[str, Any]]:
    """Each way in which `rule(actor, name, thing)` holds: the name, and what must be true of the thing.

    `thing` is an object, or a model for a row of it that is yet unknown. Raises Wildcard where the name is left open.
    """
    asked: Any = thing
    bindings = {}
    if isinstance(thing, type):
        asked = Variable("thing")
        bindings["thing"] = TypeConstraint(asked, thing.__name__)
    found = oso.query_rule(rule, actor, Variable("name"), asked, bindings=bindings, accept_expression=True)
    ways = []
    for each in found:
        name = each["bindings"]["name"]
        if isinstance(name, Variable) or not isinstance(name, str):
            raise Wildcard("a rule allows every action: name the actions it is about")
        ways.append((name, each["bindings"].get("thing")))
    return ways


def line_of(problem: Exception | str) -> int | None:
    """The innermost line that oso names; its own message counts from 1, as we do."""
    found = _LINE.findall(str(problem))
    return int(found[-1]) if found else None


def plain(problem: Exception | str) -> str:
    """oso's message without its trace, its excerpt, its place and its advertisement."""
    lines = str(problem).split("\n\tGet help")[0].splitlines() or [type(problem).__name__]
    told = next((line for line in lines if line.startswith("Application error: ")), lines[0])
    return re.sub(r" at line \d+, column \d+:?$", "", told.removeprefix("Application error: "))
