"""What is compiled once for a shape holds for every principal of that shape, in every thread."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policies import engine
from policies.access import Policy
from policies.actions import Action
from policies.compiled import FORESEEN, Remembered
from policies.facts import PRINCIPAL, RUN, Agent, Key, Shape
from policies.principals import Kind, Scope
from policies.resources import PROTECTED
from policies.rulebooks import Rulebook
from storage.records import Record

IDS = ((uuid.UUID(int=1), uuid.UUID(int=2)), (uuid.UUID(int=2**128 - 1), uuid.UUID(int=0)), (uuid.UUID(int=7),) * 2)


def with_ids(facts: Any, person: object, run: object) -> Any:
    """The same facts with ids in the place of the slots."""
    if isinstance(facts, Key):
        return replace(facts, person=with_ids(facts.person, person, run))
    if isinstance(facts, Agent):
        return replace(facts, person=facts.person and with_ids(facts.person, person, run), run=run)
    return replace(facts, id=person)


def answers(rulebook: Rulebook, facts: Any, model: type[Record], ids: tuple[object, ...]) -> list[str]:
    """oso's answers, spelled with one word for all ids and without its numbers for variables."""
    spelled = (f"{action} {expression}" for action, expression in engine.answers(rulebook._oso, "allow", facts, model))
    ids_as_words = {re.escape(repr(each)) for each in ids}
    return sorted(re.sub(r"(_[a-z]+)_\d+", r"\1", re.sub("|".join(ids_as_words), "ID", each)) for each in spelled)


@pytest.mark.parametrize(
    "shape",
    [
        Shape(Kind.CONTRIBUTOR, stepped_up=True),
        Shape(Kind.DEPARTING),
        Shape(Kind.API_KEY, scopes=frozenset(Scope)),
        Shape(Kind.AGENT, name="generation", delegated=True),
        Shape(Kind.AGENT, name="exports", delegated=True),
        Shape(Kind.AGENT, name="erasures", delegated=True),
    ],
    ids=lambda shape: f"{shape.kind} {shape.name or ''}",
)
def test_ids_never_steer_the_compilation(shape: Shape, policy: Policy) -> None:
    """With two people's ids in the place of the slots, equal ones too, oso answers with the same trees."""
    rulebook = policy._rulebook
    for model in PROTECTED:
        expected = answers(rulebook, shape.facts(), model, (PRINCIPAL, RUN))
        for person, run in IDS:
            assert answers(rulebook, with_ids(shape.facts(), person, run), model, (person, run)) == expected


def test_threads_share_a_policy(policy_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many threads ask for shapes that nobody foresaw: all get the right plan. Each is worked out once, at load too."""
    asked: list[tuple[Shape, type[Record]]] = []
    plans = Rulebook.plans

    def counted(rulebook: Rulebook, shape: Shape, model: type[Record]) -> Any:
        asked.append((shape, model))
        return plans(rulebook, shape, model)

    monkeypatch.setattr(Rulebook, "plans", counted)
    policy = Policy(policy_path.read_bytes(), "policy.polar")
    assert len(asked) == len(set(asked)) >= len(PROTECTED) * 20
    asked.clear()
    shapes = [Shape(Kind.API_KEY, scopes=frozenset({"read", f"more {number}"})) for number in range(4)] * 8
    model = next(model for model in PROTECTED if model.__name__ == "Project")
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda shape: policy.decisions(shape, model).plans, shapes))
    expected = policy.decisions(Shape(Kind.API_KEY, scopes=frozenset({"read"})), model).plans
    assert set(expected) == {Action.READ, Action.READ_CONTENT}
    assert all(plan == expected for plan in found)
    assert len(asked) == len(set(asked)) == 4


def test_only_the_last_answers_are_remembered() -> None:
    """However many shapes come by, memory stays bounded, and what failed is tried again."""
    worked_out: list[int] = []
    remembered = Remembered(2)

    def work_out(number: int) -> int:
        worked_out.append(number)
        if number < 0:
            raise ValueError
        return number * number

    for number in (1, 2, 1, 3, 1, 2):
        assert remembered.get(number, lambda number=number: work_out(number)) == number * number
    assert worked_out == [1, 2, 3, 2]
    for _ in range(2):
        with pytest.raises(ValueError):
            remembered.get(-1, lambda: work_out(-1))
    assert worked_out == [1, 2, 3, 2, -1, -1]


def test_every_foreseen_shape_is_compiled_at_load(policy: Policy) -> None:
    """Nothing that a contributor, a key of one scope, an agent or one job needs is left for a request to compile."""
    assert set(policy._foreseen) == {(shape, model) for shape in FORESEEN for model in PROTECTED}


def test_what_the_policy_never_names_does_not_tell_shapes_apart() -> None:
    """Two shapes share their plans only where the difference is in a proof that no rule asks for."""
    staff = Shape(Kind.STAFF, roles=frozenset({"SUPPORT"}), mfa=True)
    assert staff.as_seen_by("if staff.mfa") == staff
    assert staff.as_seen_by("if person.stepped_up") == replace(staff, mfa=False)
    person = Shape(Kind.CONTRIBUTOR, stepped_up=True)
    assert person.as_seen_by("if person.stepped_up") == person
    assert person.as_seen_by("if staff.mfa") == replace(person, stepped_up=False)
