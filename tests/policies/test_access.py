"""The door's manners: what it gives, how it refuses, and what it costs."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from policies.access import Access, Policy
from policies.actions import Action
from policies.compiled import FORESEEN
from policies.errors import Forbidden, NotFound, PolicyError, Refused, StepUpRequired
from policies.principals import ANONYMOUS, Kind, Principal
from storage.assets import Asset
from storage.contributors import Contributor
from storage.exports import Export
from storage.pages import fetch
from storage.projects import Project, ProjectMember
from storage.prompts import Prompt
from storage.sessions import SignInThrottle
from tests.policies.worlds import everyone, named

EVERYONE = everyone()


@pytest.fixture
def acting(policy: Policy, session: Session) -> Callable[[str], Access]:
    """The door, opened for someone of the world by name."""
    return lambda name: Access(policy, EVERYONE[name], session)


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """The statements sent to `engine` inside the block."""
    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_get_gives_the_row_with_its_decisions_in_one_statement(
    acting: Callable[[str], Access], populated: Engine
) -> None:
    """A member who may edit gets the asset, and it says what else they may do."""
    with statements(populated) as seen:
        asset = acting("eve").get(Asset, named("atlas asset 0"), Action.UPDATE, also=(Action.UPLOAD, Action.DELETE))
    assert asset.id == named("atlas asset 0")
    assert asset.decisions == {"read", "read_content", "update", "upload"}
    assert [text.split()[0] for text in seen if text != "BEGIN"] == ["SELECT"]


def test_what_one_may_not_read_does_not_exist(acting: Callable[[str], Access]) -> None:
    """A stranger's refusal and that for an id of nothing are the same, whatever was asked."""
    for action in Action:
        with pytest.raises(NotFound) as strange:
            acting("sam, stepped up").get(Asset, named("atlas asset 0"), action)
        with pytest.raises(NotFound) as absent:
            acting("sam, stepped up").get(Asset, uuid.uuid4(), action)
        assert str(strange.value) == str(absent.value)
        assert strange.value.code == "NOT_FOUND"


def test_what_one_may_read_but_not_change_is_forbidden(acting: Callable[[str], Access]) -> None:
    """A viewer may know that the asset is there, and is told that updating it is not for them."""
    with pytest.raises(Forbidden) as refusal:
        acting("vic, stepped up").get(Asset, named("atlas asset 0"), Action.UPDATE)
    assert (refusal.value.code, refusal.value.resource, refusal.value.action) == ("FORBIDDEN", "Asset", Action.UPDATE)


@pytest.mark.parametrize(
    ("model", "name", "action"),
    [
        (Asset, "atlas asset 0", Action.DELETE),
        (Contributor, "ada", Action.EXPORT),
        (Contributor, "ada", Action.DELETE),
        (Project, "atlas", Action.EXPORT),
        (Export, "ada export 0", Action.EXPORT),
    ],
)
def test_only_the_missing_proof_asks_for_a_step_up(
    acting: Callable[[str], Access], model: Any, name: str, action: Action
) -> None:
    """The owner is asked to prove who they are, and then may; an editor is refused either way, not asked."""
    with pytest.raises(StepUpRequired) as refusal:
        acting("ada").get(model, named(name), action)
    assert refusal.value.code == "STEP_UP_REQUIRED"
    assert acting("ada, stepped up").get(model, named(name), action).id == named(name)
    for other in ("eve", "eve, stepped up", "staff: SUPPORT", "ada's key to read"):
        with pytest.raises((Forbidden, NotFound)):
            acting(other).get(model, named(name), action)


def test_a_list_says_what_each_row_allows(acting: Callable[[str], Access], session: Session) -> None:
    """Max edits one project and views another: the same list, different decisions on its rows."""
    projects = fetch(session, acting("max").select(Project, Action.READ, also=(Action.UPDATE, Action.SHARE)))
    assert {row.id: row.decisions for row in projects} == {
        named("atlas"): {"read", "read_content", "update"},
        named("book"): {"read", "read_content"},
    }


def test_a_select_can_be_narrowed_and_counted(acting: Callable[[str], Access], session: Session) -> None:
    """What a caller adds to the statement narrows it; a count over it is a count of what may be seen."""
    allowed = acting("vic").select(Asset, Action.READ)
    assert [a.id for a in fetch(session, allowed.where(Asset.byte_size == 1))] == [named("atlas asset 1")]
    counted = select(func.count()).select_from(allowed.order_by(None).subquery()).params(**dict(allowed._params))
    assert session.scalar(counted) == 2
    only_count = allowed.with_only_columns(func.count())
    assert session.scalar(only_count) == 2


def test_a_row_may_be_named_by_several_keys(acting: Callable[[str], Access]) -> None:
    """A model with a compound primary key is got by a tuple, in the order of its columns."""
    member = acting("vic").get(ProjectMember, (named("atlas"), named("vic")), Action.READ)
    assert member.contributor_id == named("vic")
    with pytest.raises(NotFound):
        acting("vic").get(ProjectMember, (named("atlas"), named("eve")), Action.READ)


def test_no_statement_text_depends_on_who_asks(policy: Policy, session: Session) -> None:
    """Ids are bind parameters: two people of one shape send the same text, and the compiled statement is reused."""
    people = [Principal(Kind.CONTRIBUTOR, id=uuid.uuid4()) for _ in range(2)]
    first, second = (Access(policy, person, session).select(Prompt, Action.READ) for person in people)
    assert str(first) == str(second)
    assert first._generate_cache_key() == second._generate_cache_key()
    assert str(people[0].id) not in str(first)


def test_known_shapes_never_ask_oso(policy: Policy, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the road of a request the policy is only looked up."""

    def refuse(*_: Any) -> None:
        raise AssertionError("oso was asked on the road of a request")

    monkeypatch.setattr(policy._rulebook, "plans", refuse)
    monkeypatch.setattr(policy._rulebook, "platform_actions", refuse)
    for name in ("nobody", "ada", "ada, stepped up", "ada, departing", "ada's key to read", "staff: SUPPORT"):
        access = Access(policy, EVERYONE[name], session)
        access.select(Asset, Action.READ)
        with pytest.raises(Refused):
            access.check(Action.DELETE)


def test_an_unforeseen_shape_is_compiled_once(
    policy: Policy, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A set of roles that nobody foresaw is compiled on first use, and then only looked up."""
    principal = Principal(Kind.STAFF, id=uuid.uuid4(), roles=frozenset({"SUPPORT", "AUDITOR"}))
    first = Access(policy, principal, session).select(Contributor, Action.READ)
    monkeypatch.setattr(policy._rulebook, "plans", None)
    assert str(Access(policy, principal, session).select(Contributor, Action.READ)) == str(first)
    assert "WHERE false" not in str(first)


def test_a_model_without_rules_is_given_to_nobody(policy: Policy, session: Session) -> None:
    """The door does not know models that the policy has no block for."""
    with pytest.raises(PolicyError, match="SignInThrottle has no block"):
        Access(policy, EVERYONE["ada"], session).select(SignInThrottle, Action.READ)


def test_a_contributor_without_an_id_is_no_principal(policy: Policy, session: Session) -> None:
    """A mistake upstream does not become NULL = NULL."""
    for kind in (Kind.CONTRIBUTOR, Kind.DEPARTING, Kind.API_KEY):
        with pytest.raises(PolicyError):
            Access(policy, Principal(kind), session)


def test_nobody_may_do_nothing_on_the_platform(policy: Policy, session: Session) -> None:
    """A project is started by someone."""
    with pytest.raises(Forbidden) as refusal:
        Access(policy, ANONYMOUS, session).check(Action.CREATE_PROJECT)
    assert (refusal.value.resource, refusal.value.action) == ("Platform", Action.CREATE_PROJECT)


def test_what_is_compiled_at_load_covers_every_kind() -> None:
    """Each kind of principal has a foreseen shape, so that its rules are checked before anyone asks."""
    assert {shape.kind for shape in FORESEEN} == set(Kind)
