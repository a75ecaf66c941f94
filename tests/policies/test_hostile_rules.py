"""Rules made up at random over rows with everything odd in them: SQL and Python decide alike, on both databases."""

from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from policies.actions import Action
from policies.facts import PRINCIPAL, RUN, Shape
from policies.principals import Kind, Principal
from policies.rulebooks import Rulebook
from policies.sql import keys, predicate
from storage.database import transaction
from storage.outputs import Output
from tests.policies import worlds
from tests.policies.oracle import Oracle, connect
from tests.policies.worlds import ODD_TEXTS, named

SHAPE = Shape(Kind.CONTRIBUTOR)
PEOPLE = ("ada", "eve", "max", "sam")


def quoted(text: str) -> str:
    """`text` as a Polar string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


TEXT = st.sampled_from(ODD_TEXTS).map(quoted)
NUMBER = st.integers(-1, 18).map(str)
ORDER = st.sampled_from(("<", "<=", ">", ">=", "=", "!=", "=="))
SAME = st.sampled_from(("=", "!=", "=="))


@st.composite
def _either_first(draw: st.DrawFn, column: str, operator: st.SearchStrategy[str], value: st.SearchStrategy[str]) -> str:
    left, right = column, draw(value)
    if draw(st.booleans()):
        left, right = right, left
    return f"{left} {draw(operator)} {right}"


@st.composite
def _column_first(draw: st.DrawFn, column: str, operator: st.SearchStrategy[str], value: st.SearchStrategy[str]) -> str:
    return f"{column} {draw(operator)} {draw(value)}"


@st.composite
def _member(draw: st.DrawFn) -> str:
    """Somebody in the output's project, which is a relation of a relation."""
    name = draw(st.sampled_from(("one", "two")))
    inner = draw(
        st.lists(
            st.sampled_from(
                (
                    f'{name}.role = "EDITOR"',
                    f'{name}.role != "VIEWER"',
                    f'"VIEWER" = {name}.role',
                    f"{name}.contributor_id = person.id",
                    f"{name}.contributor_id != person.id",
                    f"{name}.owner_id = output.owner_id",
                    f"output.owner_id != {name}.contributor_id",
                    f'{name}.role in ["EDITOR", "VIEWER"]',
                )
            ),
            min_size=1,
            max_size=3,
        )
    )
    return " and ".join((f"{name} in output.project.members", *inner))


CONDITION = st.one_of(
    _either_first("output.model_digest", SAME, TEXT | st.just("nil")),
    _either_first("output.model", SAME, TEXT),
    _column_first("output.variation", ORDER, NUMBER),
    _either_first("output.variation", SAME, NUMBER),
    _column_first("output.byte_size", ORDER, NUMBER),
    _either_first("output.byte_size", SAME, NUMBER | st.just("output.variation")),
    _either_first("output.model_digest", SAME, st.just("output.model")),
    _either_first("output.owner_id", st.sampled_from(("=", "!=")), st.just("person.id")),
    _either_first("output.project.owner_id", st.sampled_from(("=", "!=")), st.just("person.id")),
    st.lists(TEXT, min_size=1, max_size=4).map(lambda texts: f"output.model_digest in [{', '.join(texts)}]"),
    _member(),
)
BODY = st.lists(st.lists(CONDITION, min_size=1, max_size=3).map(" and ".join), min_size=1, max_size=3)


@cache
def _rows() -> list[Output]:
    rows = worlds.build().rows
    connect(rows)
    return [row for row in rows if isinstance(row, Output)]


@given(bodies=BODY)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sql_and_python_decide_alike(bodies: list[str], populated: Engine) -> None:
    """For rules of any supported form, the rows that SQL finds are those that oso allows one by one."""
    grants = "".join(
        f'allow(person: Person, "read", output: Output) if may(person, output, {n});\n' for n in range(len(bodies))
    )
    rules = "".join(
        f"may(person: Person, output: Output, {n}) if known(person, output) and {b};\n" for n, b in enumerate(bodies)
    )
    source = f"{grants}{rules}known(_: Person, _: Output);\n"
    plans = Rulebook(source, "hostile.polar").plans(SHAPE, Output)
    oracle = Oracle(source)
    statement = select(Output.id).where(predicate(Output, plans.get(Action.READ, frozenset())))
    begin = keys(Output, plans.get(Action.READ, frozenset()))
    with transaction(populated, read_only=True) as session:
        for name in PEOPLE:
            person = Principal(Kind.CONTRIBUTOR, id=named(name))
            expected = {row.id for row in _rows() if oracle.actions(person, row)}
            bound = statement.params(**{PRINCIPAL.parameter: person.id, RUN.parameter: None})
            assert set(session.scalars(bound)) == expected, f"{name}, by\n{source}"
            if begin is not None:
                found = session.execute(
                    begin.every().params(**{PRINCIPAL.parameter: person.id, RUN.parameter: None})
                ).scalars()
                assert set(found) == expected, f"the keys for {name}, by\n{source}"
