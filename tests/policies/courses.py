"""oso's evaluation of a question, gone through once for all objects that answer it alike.

oso's core knows an object by nothing but the answers about it, one after the other: the same policy, asked the same and
told the same, goes the same way to the same end. So what it asks is kept by what it was told before. Each object is led
along by oso's own Python half, which looks at this very object; as soon as it answers what none answered there before,
the core is asked, and told all of it.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

import orjson
from oso import Oso
from polar.predicate import Predicate
from polar.query import Query
from polar.variable import Variable

_FIRST = 2**40
"""The number of the first instance in each evaluation, far from those of what the policy knows from the start."""
_HANDLERS = {  # without "MakeExternal" and "Debug": no policy makes an object, or stops
    "ExternalCall": Query.handle_external_call,
    "ExternalIsa": Query.handle_external_isa,
    "ExternalIsaWithPath": Query.handle_external_isa_with_path,
    "ExternalIsSubclass": Query.handle_external_is_subclass,
    "ExternalIsSubSpecializer": Query.handle_external_is_subspecializer,
    "ExternalOp": Query.handle_external_op,
    "NextExternal": Query.handle_next_external,
}


class Step:
    """What oso asks somewhere on its way, and where each answer leads."""

    __slots__ = ("data", "kind", "then")

    def __init__(self) -> None:
        self.kind = ""
        self.data: Any = None
        self.then: dict[bytes, Step] = {}


class Courses:
    """All the ways that one oso has gone. It can be told no more rules."""

    def __init__(self, oso: Oso) -> None:
        self._oso = oso
        self._begun: dict[bytes, Step] = {}

    def names(self, rule: str, actor: object, thing: object) -> Iterator[Any]:
        """Each name for which `rule(actor, name, thing)` holds. Raises OsoError where oso can't tell."""
        host = self._oso.host.copy()
        host.ffi_polar = _Numbers()
        term = host.to_polar(Predicate(rule, [actor, Variable("name"), thing]))
        answers, core = _Answers(host), _Core(self._oso, term)
        passed: list[Step] = []
        step = self._begun.setdefault(orjson.dumps(term), Step())
        while True:
            passed.append(step)
            if not step.kind:
                step.kind, step.data = core.after(passed, answers.given)
            if step.kind == "Done":
                return
            if step.kind == "Result":
                yield host.to_python(step.data["bindings"]["name"])
            given = answers.to(step)
            step = step.then.setdefault(orjson.dumps(given), Step())


class _Numbers:
    """Gives instances the same numbers in each evaluation."""

    def __init__(self) -> None:
        self.new_id = count(_FIRST).__next__


class _Answers:
    """What oso's own Python half answers, written down instead of told: it takes this for the core."""

    def __init__(self, host: Any) -> None:
        self.given: list[list[tuple[str, Any]]] = []
        self._query = Query(self, host=host)

    def to(self, step: Step) -> list[tuple[str, Any]]:
        """What is to be called in the core, and with what. Raises OsoError where there is no answer."""
        self.given.append([])
        if step.kind != "Result":
            _HANDLERS[step.kind](self._query, step.data)
        return self.given[-1]

    def set_message_enricher(self, _: object) -> None:
        """No message comes from here."""

    def call_result(self, _: int, value: Any) -> None:
        """What an attribute is, or the next one of a list."""
        self.given[-1].append(("call_result", value))

    def question_result(self, _: int, answer: bool) -> None:
        """Whether something is so."""
        self.given[-1].append(("question_result", answer))

    def application_error(self, message: str) -> None:
        """There is no such attribute."""
        self.given[-1].append(("application_error", message))


class _Core:
    """oso's own evaluation, begun when it is first needed."""

    def __init__(self, oso: Oso, term: Any) -> None:
        self._oso, self._term = oso, term
        self._query: Any = None
        self._told = 0
        self._calls: list[int] = []
        self._known: dict[bytes, Any] = {}
        self._asked: tuple[str, Any] = "", None

    def after(self, passed: list[Step], given: list[list[tuple[str, Any]]]) -> tuple[str, Any]:
        """What oso asks, once it is told what was given at each step. Raises OsoError where it can't go on."""
        if self._query is None:
            self._query = self._oso.ffi_polar.new_query_from_term(self._term)
            self._query.set_message_enricher(self._oso.host.enrich_message)
            self._asked = self._next()
        for number in range(self._told, len(given)):
            assert self._asked == (passed[number].kind, passed[number].data), "told the same, oso went another way"
            for method, value in given[number]:
                self._tell(method, value)
            self._asked = self._next()
        self._told = len(given)
        return self._asked

    def _tell(self, method: str, value: Any) -> None:
        kind, data = self._asked
        if method == "application_error":
            self._query.application_error(value)
            return
        if kind == "ExternalCall" and value and b"ExternalInstance" not in orjson.dumps(value):
            self._known[_attribute(data)] = value
        getattr(self._query, method)(self._calls[data["call_id"]], value)

    def _next(self) -> tuple[str, Any]:
        """The next event whose answer is not known yet. Calls are numbered as they come; oso goes on counting from one
        evaluation to the next."""
        while True:
            ((kind, data),) = orjson.loads(self._query.next_event()).items()
            if kind == "ExternalIsa" and "String" in data["instance"]["value"]:  # a word that stands in a rule
                self._query.question_result(data["call_id"], self._oso.host.isa(data["instance"], data["class_tag"]))
            elif kind == "ExternalCall" and (again := self._known.get(_attribute(data))):
                self._query.call_result(data["call_id"], again)
            else:
                break
        if "call_id" in data:
            if data["call_id"] not in self._calls:
                self._calls.append(data["call_id"])
            data["call_id"] = self._calls.index(data["call_id"])
        return kind, data


def _attribute(data: Any) -> bytes:
    """What is looked at. In one evaluation an object looks the same each time; only its parts come as new instances."""
    return orjson.dumps([data["instance"], data["attribute"], data["args"], data["kwargs"]])
