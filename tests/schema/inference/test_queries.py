"""Questions tell nothing about what one may not see: the same bytes come back whether or not it is there."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from policies.actions import Action
from policies.errors import Forbidden, NotFound
from policies.resources import PROTECTED
from resolvers import lists
from resolvers.context import Context
from storage import reading
from storage.projects import Project
from tests.schema.inference import cast as casts
from tests.schema.inference.answers import Seen, ask
from tests.schema.inference.cast import Cast
from tests.schema.inference.documents import Pools, Question, question, questions
from tests.world import World, global_id

Statements = Callable[[], list[str]]

KINDS_ASKED_FOR = {"affectedContributors": "Incident", "auditProof": "AuditEvent", "noticeReach": "PublishedNotice"}
"""Of which kind of thing root fields take an id that are not called by it."""

pytestmark = pytest.mark.one_database(
    "sqlite", reason="which rows a statement gives is held against oso on both; this is about what answers tell of it"
)


def told(cast: Cast, caller: str, asked: list[Question], statements: Statements) -> list[Seen]:
    """What the caller sees, question by question."""
    return [ask(cast.world, cast.callers[caller], each.document, statements, **each.variables) for each in asked]


def told_twice(cast: Cast, caller: str, asked: list[Question], statements: Statements) -> None:
    """The caller is told the same without the rows of others and beside them."""
    without = told(cast, caller, asked, statements)
    with cast.beside(caller):
        beside = told(cast, caller, asked, statements)
    for each, one, other in zip(asked, without, beside, strict=True):
        assert one == other, f"{caller}: {each}"


def test_every_model_of_the_policy_has_rows_that_somebody_may_not_see(world: World) -> None:
    """The comparison below is about something: each caller is kept from most of what is put beside their own."""
    cast = casts.make(world)
    for caller in cast.callers:
        unseen = {type(row) for row in cast.unseen(caller)}
        assert len(set(PROTECTED) - unseen) <= 20, caller
    assert {type(row) for row in cast.unseen("ada")} >= set(PROTECTED)


def test_every_question_answers_alike_beside_what_may_not_be_seen(world: World, statements: Statements) -> None:
    """Each root field, those of one thing with one's own, another's, nobody's and another kind's id, leaf by leaf."""
    cast = casts.make(world)
    asked = []
    for name, field in questions().items():
        by_id = any(str(found.type) in ("ID!", "[ID!]!") for found in field.args.values())
        ids = cast.some_ids(KINDS_ASKED_FOR.get(name, name)) if by_id else cast.known[:1]
        for number, one in enumerate(ids):
            pools = Pools([one], [cast.cursors[number % len(cast.cursors)]])
            asked.append(question(name, pools, lambda several: several[0], 1))
    for caller in cast.callers:
        told_twice(cast, caller, asked, statements)


def test_no_arguments_tell_what_may_not_be_seen(world: World, statements: Statements) -> None:
    """Filters, orders, pages and cursors of any combination, lists in lists, and ids of others, asked by anybody."""
    cast = casts.make(world)
    pools = Pools([*cast.known, *cast.nowhere, "x"], [*cast.cursors, "x"])
    callers, names = st.sampled_from(sorted(cast.callers)), st.sampled_from(sorted(questions()))

    # A finding is told as it was found: to make one smaller would ask a database for minutes.
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(st.data())
    def check(data: st.DataObject) -> None:
        caller = data.draw(callers)
        asked = [
            question(data.draw(names), pools, lambda several: data.draw(st.sampled_from(several)), 2) for _ in range(4)
        ]
        told_twice(cast, caller, asked, statements)

    check()


def test_a_leak_would_be_found(world: World, statements: Statements, monkeypatch: pytest.MonkeyPatch) -> None:
    """A count of all rows, a refusal that knows, one more statement: each is another answer."""
    cast = casts.make(world)
    pools = Pools(cast.known, cast.cursors)
    totals = [question("projects", pools, lambda several: several[0], 0)]
    told_twice(cast, "ada", totals, statements)
    with monkeypatch.context() as patched, pytest.raises(AssertionError):
        patched.setattr(reading, "counted", lambda *_: select(func.count()).select_from(Project).scalar_subquery())
        patched.setattr(reading, "_made", reading._made.__wrapped__)  # what was made before counts as it should
        told_twice(cast, "ada", totals, statements)
    foreign = next(each for each in cast.known if each == global_id("Project", cast.hidden_id("Project")))
    asked = [Question(f'{{ project(id: "{foreign}") {{ id }} }}', {})]
    told_twice(cast, "ada", asked, statements)
    really = lists.one

    def knowing(context: Context, model: Any, identity: Any, *, also: Any = ()) -> Any:
        there = context.work.session.get(model, identity)
        try:
            return really(context, model, identity, also=also)
        except NotFound:
            if there is not None:
                raise Forbidden(model.__name__, Action.READ) from None
            raise

    with monkeypatch.context() as patched, pytest.raises(AssertionError):
        patched.setattr(lists, "one", knowing)
        told_twice(cast, "ada", asked, statements)
