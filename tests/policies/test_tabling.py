"""Roles and permissions worked out once and put in everywhere decide what oso decides when it works out each anew."""

from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from policies import rulebooks
from policies.access import Policy
from policies.compiled import FORESEEN
from policies.errors import PolicyError
from policies.facts import PRINCIPAL, RUN, Shape
from policies.plans import Plan
from policies.principals import Kind
from policies.resources import PROTECTED, mapper_of
from policies.rulebooks import Rulebook
from policies.sql import predicate
from storage.assets import Asset
from storage.database import transaction
from storage.outputs import Output
from storage.projects import Project
from storage.records import Record
from tests.policies.worlds import named

MODELS: tuple[type[Record], ...] = (Project, Asset, Output)
ROLES = ("owner", "editor", 'gu\\"est')
SHAPES = (
    Shape(Kind.CONTRIBUTOR),
    Shape(Kind.CONTRIBUTOR, stepped_up=True),
    Shape(Kind.API_KEY, scopes=frozenset({"read"})),
    Shape(Kind.AGENT, name="exports", delegated=True),
    Shape(Kind.STAFF, roles=frozenset({"SUPPORT"})),
)
ALLOWS = """
allow(person: Person, action: String, thing) if assured(person, action) and has_permission(person, action, thing);
allow(key: Key, action: String, thing) if "read" in key.scopes and has_permission(key.person, action, thing);
allow(agent: Agent, "generate", asset: Asset) if
    asset.id = agent.run and (has_permission(agent.person, "read", asset.project) or has_role(agent, "owner", asset));
allow(staff: Staff, "read", thing) if has_permission(staff, "read", thing);
has_permission(staff: Staff, "read", _: Project) if "SUPPORT" in staff.roles;
has_role(agent: Agent, "owner", asset: Asset) if asset.owner_id = agent.person.id;
has_role(person: Person, "owner", thing: Project) if has_permission(person, "never", thing);
has_permission(person: Person, "never", thing: Project) if person.stepped_up and has_role(person, "nobody", thing);
assured(_: Person, "read");
assured(person: Person, "delete") if person.stepped_up;
"""
FACTS = {
    Project: (
        "thing.owner_id = person.id",
        'm in thing.members and m.contributor_id = person.id and m.role = "EDITOR"',
        'm in thing.members and m.contributor_id = person.id and m.role = "VIEWER"',
        'm in thing.members and m.role = "EDITOR" and has_role(person, "owner", thing)',
    ),
    Asset: (
        "thing.owner_id = person.id",
        'thing.status = "AVAILABLE" and thing.owner_id != person.id',
        'has_role(person, "editor", thing.project)',
    ),
    Output: (
        "thing.owner_id != person.id",
        "thing.byte_size > 2 and thing.project.owner_id = person.id",
        'has_role(person, "editor", thing.project) and has_role(person, "editor", thing.project)',
    ),
}


@st.composite
def _block(draw: st.DrawFn, model: type[Record]) -> str:
    """A block whose roles rest on facts, on one another (never in a circle), and on roles in the project."""
    name = model.__name__
    lines = [f'permissions = ["read", "delete"]; roles = [{", ".join(map(_quoted, ROLES))}];']
    if model is not Project:
        lines.append("relations = { project: Project };")
    for position, role in enumerate(ROLES):
        if position and draw(st.booleans()):
            lines.append(f"{_quoted(role)} if {_quoted(draw(st.sampled_from(ROLES[:position])))};")
        if model is not Project and draw(st.booleans()):
            lines.append(f'{_quoted(role)} if {_quoted(draw(st.sampled_from(ROLES)))} on "project";')
        granted = draw(st.lists(st.sampled_from(("read", "delete")), unique=True))
        lines.extend(f'"{action}" if {_quoted(role)};' for action in granted)
    rules = [f"resource {name} {{ {' '.join(lines)} }}"]
    if model is not Project:
        rules.append(f'has_relation(project: Project, "project", thing: {name}) if project = thing.project;')
    for fact in draw(st.lists(st.sampled_from(FACTS[model]), min_size=1, max_size=2, unique=True)):
        role = _quoted("owner" if "has_role" not in fact else ROLES[-1])
        rules.append(f"has_role(person: Person, {role}, thing: {name}) if {fact};")
    return "\n".join(rules)


def _quoted(role: str) -> str:
    return f'"{role}"'


POLICY = st.tuples(*map(_block, MODELS)).map(
    lambda blocks: "actor Person {} actor Agent {} actor Staff {}\n" + ALLOWS + "\n".join(blocks)
)


@given(source=POLICY, shape=st.sampled_from(SHAPES))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_roles_made_up_at_random_decide_as_oso_does(source: str, shape: Shape, populated: Engine) -> None:
    """For every kind of caller, the tables allow the rows that oso allows when it works a policy out in one go."""
    rulebook = Rulebook(source, "roles.polar")
    for model in MODELS:
        tabled, plain = rulebook._tabled(shape, model), rulebook._plans(rulebook._oso, shape, model)
        assert tabled is not None, f"{shape} by\n{source}"
        assert tabled.keys() == plain.keys()
        for action, plan in plain.items():
            if tabled[action] != plan:  # the same in other words, maybe: oso's has ways that another covers
                assert _rows(populated, model, tabled[action]) == _rows(populated, model, plan), f"{shape} by\n{source}"


def _rows(engine: Engine, model: type[Record], plan: Plan) -> set[tuple[object, ...]]:
    """For each of some people, and a run of theirs: the rows that the plan allows."""
    statement = select(*mapper_of(model).primary_key).where(predicate(model, plan))
    with transaction(engine, read_only=True) as session:
        return {
            (name, *row)
            for name in ("ada", "bob", "eve", "max", "vic")
            for row in session.execute(
                statement, {PRINCIPAL.parameter: named(name), RUN.parameter: named("atlas asset 0")}
            )
        }


def test_the_policy_is_compiled_by_tables_alone(policy_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every shape's plans are those that oso gives in one go, and loading never has to ask for these."""
    source = policy_path.read_text()

    def refuse(*_: object) -> None:
        raise AssertionError("asked the slow way")

    with monkeypatch.context() as patched:
        patched.setattr(rulebooks.Rulebook, "_plans", refuse)
        policy = Policy(source.encode(), "policy.polar")
    rulebook = Rulebook(source, "policy.polar")
    shapes = {shape.as_seen_by(source): None for shape in FORESEEN if shape.facts()}  # the others are never asked about
    for shape, model in product(shapes, PROTECTED):
        assert policy._plans[shape, model] == rulebook._plans(rulebook._oso, shape, model), f"{shape} {model}"


ABOVE = """actor Person {} resource Asset { permissions = ["read", "update"]; roles = ["owner"]; }
allow(person: Person, action: String, thing) if has_permission(person, action, thing);
has_role(_: Person, "owner", _: Asset);
"""
CIRCULAR = """has_permission(person: Person, "read", asset: Asset) if has_permission(person, "update", asset);
has_permission(person: Person, "update", asset: Asset) if has_permission(person, "read", asset);
"""


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("has_permission(_: Person, _: String, _: Asset);", "4: a rule allows every action"),
        (CIRCULAR, "[45]: “(read|update)” on Asset comes from itself"),
        ('has_permission(_: Person, "raed", _: Asset);', "4: “raed” is no action"),
        ('has_permission(p: Person, "read", a: Asset) if has_role(p, a.media_type, a) and a.byte_size = "1";', "4: "),
    ],
)
def test_what_can_not_be_taken_apart_is_refused_as_before(rules: str, words: str) -> None:
    """An action left open, a circle, a question about an id: oso itself is asked, and the policy refused."""
    with pytest.raises(PolicyError, match=rf"test\.polar:{words}"):
        Policy((ABOVE + rules).encode(), "test.polar")


def test_a_word_of_ours_in_the_policy_answers_nothing() -> None:
    """What marks an open question can't be forged by a rule: no table is made then, and the word is no field."""
    rules = 'has_permission(_: Person, "read", asset: Asset) if "owner" in asset.has_role__open;'
    rulebook = Rulebook(ABOVE + rules, "x.polar")
    assert rulebook._tables is None
    with pytest.raises(PolicyError, match=r"x\.polar:4: “has_role” is asked of Asset in a way that"):
        rulebook.plans(Shape(Kind.CONTRIBUTOR), Asset)
