"""Compare the rights that logins have in PostgreSQL with those that they should have.

Read from the catalogue, which every login may read, so that `doctor` says the same whoever runs it.
"""

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.orm import Session

from storage import privileges
from storage.ledger import archiving
from storage.privileges import AGENTS, API
from storage.queue_tables import SCHEMA

PUBLIC = "PUBLIC"

Held = dict[str, dict[str, set[str]]]
"""By table and right: the columns; with `*` for all of them."""

_ALL = "*"
_TABLES = text("""
SELECT n.nspname || '.' || c.relname, coalesce(r.rolname, 'PUBLIC'), a.privilege_type, '*'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
  aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname IN ('public', :queue) AND c.relkind IN ('r', 'p', 'v') AND a.grantee <> c.relowner
UNION ALL
SELECT n.nspname || '.' || c.relname, coalesce(r.rolname, 'PUBLIC'), a.privilege_type, t.attname
FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
  aclexplode(t.attacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname IN ('public', :queue) AND NOT t.attisdropped AND a.grantee <> c.relowner
""")
_OWNER = text(
    "SELECT pg_get_userbyid(relowner), current_user FROM pg_class WHERE oid = 'public.contributors'::regclass"
)
_BESIDE = text("""
SELECT r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolbypassrls,
  has_database_privilege(r.oid, current_database(), 'TEMPORARY'),
  has_database_privilege(r.oid, current_database(), 'CREATE'),
  has_schema_privilege(r.oid, 'public', 'CREATE'),
  coalesce(has_schema_privilege(r.oid, to_regnamespace(:queue)::oid, 'CREATE'), false),
  has_function_privilege(r.oid, 'pg_catalog.lo_create(oid)', 'EXECUTE'),
  (SELECT string_agg(g.rolname, ', ' ORDER BY g.rolname) FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
    WHERE m.member = r.oid),
  (SELECT string_agg(d.datname, ', ' ORDER BY d.datname) FROM pg_database d
    WHERE d.datallowconn AND d.datname <> current_database() AND has_database_privilege(r.oid, d.oid, 'CONNECT')),
  CASE WHEN to_regprocedure(:remove) IS NULL THEN NULL
    ELSE has_function_privilege(r.oid, to_regprocedure(:remove), 'EXECUTE') END
FROM pg_roles r WHERE r.rolname = :login
""")
_ATTRIBUTES = (
    "is a superuser", "makes roles", "makes databases", "replicates", "passes over row security",
    "makes temporary tables", "makes schemas", "makes tables in public", "makes tables in the queue's schema",
    "makes large objects",
)  # fmt: skip


def owns_tables(session: Session) -> bool:
    """Whether the login of this session owns the tables, so that nothing is refused to it."""
    owner, login = session.execute(_OWNER).one()
    return bool(owner == login)


def deviations(session: Session) -> list[str] | None:
    """Return what each login may do that it should not, and what it lacks; None where only the owner may do anything.

    Logins are told apart by what they hold: the agents' may give entries their places, the API's may make sessions.
    """
    held = _held(session)
    if not held:
        return None
    return [said for login in sorted(held) for said in _of_login(session, login, held[login])]


def _held(session: Session) -> dict[str, Held]:
    found: dict[str, Held] = {}
    for table, login, right, column in session.execute(_TABLES, {"queue": SCHEMA}):
        of_table = found.setdefault(login, defaultdict(lambda: defaultdict(set)))[table]
        of_table[right].add(column)
    return found


def _of_login(session: Session, login: str, held: Held) -> Iterator[str]:
    component = _component(held)
    if component is None:
        tables = sorted(held)
        yield f"{login} is neither the API's login nor the agents', and has rights on {_few(tables)}"
        return
    meant = _meant(component)
    for table in sorted(held.keys() | meant.keys()):
        for right in sorted(held.get(table, {}).keys() | meant.get(table, {}).keys()):
            has, should = held.get(table, {}).get(right, set()), meant.get(table, {}).get(right, set())
            if _ALL in has and _ALL in should:
                continue
            if extra := sorted(has - should):
                yield f"{login} has {_told(right, extra)} on {table}, which it should not"
            if missing := [] if _ALL in has else sorted(should - has):
                yield f"{login} lacks {_told(right, missing)} on {table}"
    yield from _beside(session, login, component)


def _component(held: Held) -> str | None:
    if "INSERT" in held.get("public.audit_sequence", {}):
        return AGENTS
    return API if "INSERT" in held.get("public.sessions", {}) else None


def _meant(component: str) -> Held:
    meant: Held = {"public.alembic_version": {"SELECT": {_ALL}}}
    for table, rights in privileges.granted(component).items():
        meant[table] = {right: set(columns) or {_ALL} for right, columns in privileges.split(rights).items()}
    return meant


def _beside(session: Session, login: str, component: str) -> Iterator[str]:
    """What it may do beside the tables."""
    asked = {"login": login, "queue": SCHEMA, "remove": archiving.REMOVE}
    *attributes, roles, databases, removes = session.execute(_BESIDE, asked).one()
    for has, said in zip(attributes, _ATTRIBUTES, strict=True):
        if has:
            yield f"{login} {said}, which it should not"
    if roles:
        yield f"{login} is a member of {roles}"
    if databases:
        yield f"{login} is let into other databases: {databases}"
    if component == AGENTS and not removes:
        yield f"{login} lacks EXECUTE on {archiving.REMOVE}"
    if component == API and removes:
        yield f"{login} has EXECUTE on {archiving.REMOVE}, which it should not"


def _told(right: str, columns: list[str]) -> str:
    return right if columns == [_ALL] else f"{right} ({', '.join(each for each in columns if each != _ALL)})"


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more tables" if len(names) > 3 else "")
