"""The lint of the one door, held against code of ours with one line changed: each way round is found."""

import ast
from functools import cache

import pytest

from tests.contract.doors import callers, loads, roots, seals
from tests.contract.doors.actionless import WITHOUT_ACTION
from tests.contract.doors.allowed import PLACES, SIDE_DOORS
from tests.contract.doors.code import House, Module
from tests.contract.source import ROOMS, ROOT, modules

PROJECTS = "resolvers/projects.py"
ASKED = "project = context.access.get(Project, project_id, Action.UPDATE)"
SEALED = "context.work.vault.seal(project, name=name)\n    project.updated_at = context.work.now"


@cache
def own() -> House:
    """All of it as it is, read when it is first asked for."""
    return House(modules(*ROOMS))


def changed(path: str, old: str, new: str, above: str = "") -> tuple[House, Module]:
    """The house with one line of one file changed, and `above` written over it."""
    text = (ROOT / path).read_text(encoding="utf-8")
    assert old in text, f"{path} has changed: let this test change another line"
    return own().changed(path, ast.parse(f"{above}\n{text.replace(old, new)}"))


def found(house: House, module: Module) -> set[str]:
    """The rules that a file breaks, places that are named left out; a side door that is named elsewhere counts."""
    findings = [
        *loads.statements(module),
        *loads.unfollowed(module),
        *loads.sessions(house, module),
        *seals.grants(module),
        *callers.names(house, module),
    ]
    rules = {each.rule for each in findings if (each.path, each.rule, each.what) not in PLACES}
    for name, _ in loads.side_doors(house, module):
        if module.path not in SIDE_DOORS.get(name, ("", ""))[0].split():
            rules.add("side-door")
    return rules


@pytest.mark.parametrize(
    ("new", "above"),
    [
        ("project = context.work.session.get(Project, project_id)", ""),
        ("project = (session := context.work.session).get(Project, project_id)", ""),
        ("s = context.work.session; t = s; project = t.get(Project, project_id)", ""),
        ("work = context.work; project = work.session.get(Project, project_id)", ""),
        ("project = getattr(context.work.session, 'get')(Project, project_id)", ""),
        ("read = 'get'; work = context.work; project = getattr(work, 'session').get(Project, project_id)", ""),
        ("project = partial(context.work.session.get, Project)(project_id)", "from functools import partial"),
        (
            "project = methodcaller('get', Project, project_id)(context.work.session)",
            "from operator import methodcaller",
        ),
        ("project = [context.work.session][0].get(Project, project_id)", ""),
        ("project = {'s': context.work.session}['s'].get(Project, project_id)", ""),
        ("project = (lambda session: session.get(Project, project_id))(context.work.session)", ""),
        ("project = vars(context.work)['session'].get(Project, project_id)", ""),
        ("project = context.work.session.execute('SELECT * FROM projects').one()", ""),
        ("project = context.work.session.query(Project).first()", ""),
        ("project = context.work.session.connection().exec_driver_sql('SELECT 1')", ""),
        ("project = context.house.store.engine.connect().exec_driver_sql('SELECT 1')", ""),
        ("engine = context.house.store.engine; project = engine.connect().exec_driver_sql('SELECT 1')", ""),
        ("project = database(context).get(Project, project_id)", "def database(context): return context.work.session"),
        (
            "project = database(context.work.session, project_id)",
            "from storage.database import Transaction\n"
            "def database(reading: Transaction, row): return reading.get(Project, row)",
        ),
        ("project = next(databases(context))", "def databases(context): yield context.work.session"),
    ],
)
def test_a_session_that_is_read_is_found(new: str, above: str) -> None:
    """However it is called, held, handed on or asked for by text."""
    assert found(*changed(PROJECTS, ASKED, new, above)) & {"session", "blind"}


@pytest.mark.parametrize(
    ("new", "above"),
    [
        ("project = pick(Project)", "from sqlalchemy import select as pick"),
        ("project = sa.select(Project)", "import sqlalchemy as sa"),
        ("project = orm.Query(Project)", "from sqlalchemy import orm"),
        ("project = sqlite3.connect('var/data/muniment.sqlite3')", "import sqlite3"),
        ("project = Project.__table__.select()", ""),
        ("project = Project.metadata.tables['projects'].select()", ""),
        ("project = Project.registry", ""),
    ],
)
def test_a_statement_is_found(new: str, above: str) -> None:
    """Under another name, through a driver, from a model's own table."""
    assert "statement" in found(*changed(PROJECTS, ASKED, new, above))


@pytest.mark.parametrize(
    ("new", "above"),
    [
        ("project = __import__('sqlalchemy').select(Project)", ""),
        ("project = import_module('sqlalchemy').select(Project)", "from importlib import import_module"),
        ("project = importlib.import_module('sqlalchemy').select(Project)", "import importlib"),
        ("project = eval('context.work.session.get(Project, project_id)')", ""),
        ("exec('project = 1')", ""),
        ("project = globals()['accounts'].account_of", ""),
        ("project = getattr(accounts, 'account_of')", ""),
        ("project = attrgetter('account_of')(accounts)", "from operator import attrgetter"),
        (ASKED, "from storage.accounts import *"),
        (ASKED, "from ..storage import accounts as a"),
    ],
)
def test_what_can_not_be_followed_is_refused(new: str, above: str) -> None:
    """Text that becomes a name could become any."""
    assert "blind" in found(*changed(PROJECTS, ASKED, new, above))


@pytest.mark.parametrize(
    ("new", "above"),
    [
        ("project = owner_of(context.work.session, project_id)", "from storage.exports import owner_of"),
        ("project = look(context.work.session, project_id)", "from storage.exports import owner_of as look"),
        ("project = e.owner_of(context.work.session, project_id)", "import storage.exports as e"),
        ("project = storage.exports.owner_of(context.work.session, project_id)", "import storage.exports"),
        ("project = sessions.accounts.live_session(context.work.session, b'')", "from resolvers import sessions"),
        ("project = partial(owner_of, context.work.session)", "from storage.exports import owner_of"),
        ("look = {'it': owner_of}['it']", "from storage.exports import owner_of"),
        ("look = accounts.live_api_key", ""),
        ("with context.house.store.begin(None) as work: pass\n    with transaction(None) as reading: pass",
         "from storage.database import transaction"),
        ("project = explain(None, None, None, None, context.work.session)",
         "from policies.workbench.explaining import explain"),
    ],
)  # fmt: skip
def test_a_side_door_is_found_by_what_it_means(new: str, above: str) -> None:
    """By import, alias, module, re-export, `partial`, or only held for later."""
    assert "side-door" in found(*changed(PROJECTS, ASKED, new, above))


@pytest.mark.parametrize(
    ("new", "above", "rule"),
    [
        ("name = context.work.vault.open_as_system(project, 'name', reason='x')", "", "seal"),
        ("look = context.work.vault.open_as_system", "", "seal"),
        ("name = getattr(context.work.vault, 'open_as_system')(project, 'name', reason='x')", "", "seal"),
        ("name = Vault(context.house.store.keyring).open(project, 'name')", "from storage.vault import Vault", "seal"),
        ("name = V(context.house.store.keyring)", "from storage.vault import Vault as V", "seal"),
        ("name = v.Vault(context.house.store.keyring)", "import storage.vault as v", "seal"),
        ("name = context.house.store.keyring.aead(project_keyset(project.id)).decrypt(b'', b'')", "", "seal"),
        ("name = context.house.store.blobs.reader(project.id, 1, None)", "", "seal"),
        ("project = give(None)", "from storage.pages import with_decisions as give", "seal"),
        ("project.decisions = frozenset({'read_content'})", "", "grant"),
        ("project.decisions |= {'read_content'}", "", "grant"),
        ("setattr(project, 'decisions', frozenset({'read_content'}))", "", "grant"),
        ("setattr(project, 'decis' + 'ions', frozenset({'read_content'}))", "", "grant"),
        ("object.__setattr__(project, name, frozenset({'read_content'}))", "", "grant"),
        ("project.__dict__['decisions'] = frozenset({'read_content'})", "", "grant"),
        ("project.__dict__.update(decisions=frozenset({'read_content'}))", "", "grant"),
        ("project = Project(decisions=frozenset({'read_content'}))", "", "grant"),
    ],
)
def test_an_opening_without_a_grant_is_found(new: str, above: str, rule: str) -> None:
    """By another way to open, by a key, by a grant that the door did not give."""
    assert rule in found(*changed(PROJECTS, SEALED, new, above))


@pytest.mark.parametrize(
    ("new", "above"),
    [
        ("context.become(None, project_id)", ""),
        ("p = Principal(Kind.STAFF)", "from policies.principals import Kind, Principal"),
        ("p = P(K.STAFF)", "from policies.principals import Kind as K, Principal as P"),
        ("p = partial(Principal, 'STAFF')", "from functools import partial\nfrom policies.principals import Principal"),
        ("p = replace(context.principal, stepped_up=True)", "from dataclasses import replace"),
        ("a = Access(context.house.policy, None, context.work.session)", "from policies.access import Access"),
    ],
)
def test_a_borrowed_name_is_found(new: str, above: str) -> None:
    """Asking the door as somebody else is as good as not asking."""
    assert "caller" in found(*changed(PROJECTS, ASKED, new, above))


@pytest.mark.parametrize(
    ("path", "old", "new", "field"),
    [
        (PROJECTS, ASKED, "project = Project()", "Mutation.updateProject"),
        (PROJECTS, ASKED, "project = context.access.get(Project, project_id, Action.READ)", "Mutation.updateProject"),
        ("resolvers/lists.py", "found = by_id(context, model, [row_id], also=also)", "found = {}", "Query.asset"),
        ("resolvers/lists.py", "context.access.listed(model, Action.READ, also), ids", "None, ids", "Query.nodes"),
        (
            "resolvers/audit.py",
            "context.access.listed(AuditEvent, Action.READ), part",
            "None, part",
            "Query.auditEvents",
        ),
    ],
)
def test_a_root_field_that_asks_for_nothing_is_found(path: str, old: str, new: str, field: str) -> None:
    """Also where what it calls asks no more; and a change needs more than the right to look."""
    house, _ = changed(path, old, new)
    fields = {name: (module, function) for name, module, function in roots.root_fields(house)}
    assert field not in WITHOUT_ACTION
    assert roots.asked(house, *fields[field]) <= ({"get READ"} if field.startswith("Mutation") else set())


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("schema/projects.py", '@mutation("', '@strawberry.mutation(description="'),
        ("schema/queries.py", '@question("One project.")', '@strawberry.field(description="One project.")'),
        ("schema/queries.py", '    @question("One project.")\n', '    anything: str = strawberry.field()\n\n    @question("One project.")\n'),
    ],
)  # fmt: skip
def test_a_root_field_without_its_guard_is_found(path: str, old: str, new: str) -> None:
    """In the class itself and in those that it is made of."""
    house, _ = changed(path, old, new)
    assert list(roots.strangers(house)) != []
