"""Everything of the product that may grow while it runs: caches, queues, and collections that outlive a call."""

import ast
from collections.abc import Iterator

from tests.contract.source import ROOMS, modules

_GROWING = frozenset(
    {"dict", "set", "list", "OrderedDict", "defaultdict", "Counter", "deque", "Queue", "SimpleQueue", "LifoQueue", "PriorityQueue",
     "WeakKeyDictionary", "WeakValueDictionary", "WeakSet", "ChainMap", "LRUCache", "TTLCache"}
)  # fmt: skip
_CACHING = frozenset({"cache", "lru_cache", "cached"})


def growing() -> Iterator[str]:
    """Each of them as `path: name`: what a module or an object holds and can be added to, and cached functions."""
    for path, tree in modules(*ROOMS):
        if "/migrations/" not in path:
            yield from (f"{path}: {name}" for name in in_tree(tree))


def in_tree(tree: ast.Module) -> Iterator[str]:
    """Those of one file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if any(_last(each) in _CACHING for each in node.decorator_list):
                yield node.name
        elif isinstance(node, ast.ClassDef):
            yield from (f"{node.name}.{name}" for name in _of_object(node))
    for statement in tree.body:
        yield from (name for name, value in _assigned(statement) if _grows(value, empty=True) or _is_cache(value))


def _of_object(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        for name, value in _assigned(statement):
            if isinstance(value, ast.Call) and _last(value) == "field":
                made = next((each.value for each in value.keywords if each.arg == "default_factory"), None)
                if made is not None and _last(made) in _GROWING:
                    yield name
            elif _grows(value, empty=True):
                yield name
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef) and inner.name == "__init__":
            for statement in ast.walk(inner):
                yield from (name for name, value in _assigned(statement, of="self") if _grows(value, empty=True))


def _assigned(statement: ast.AST, of: str | None = None) -> Iterator[tuple[str, ast.expr]]:
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
        return
    for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
        if of is None and isinstance(target, ast.Name):
            yield target.id, statement.value
        if of and isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == of:
            yield target.attr, statement.value


def _grows(value: ast.expr, *, empty: bool) -> bool:
    """Whether it is a collection that begins with nothing in it: what is written out is seldom added to."""
    if isinstance(value, ast.Dict | ast.List | ast.Set):
        return empty and not (value.keys if isinstance(value, ast.Dict) else value.elts)
    if isinstance(value, ast.Call):
        known = _last(value) in _GROWING
        return known and (not value.args or _last(value) in ("defaultdict", "deque", "Queue", "OrderedDict"))
    return False


def _is_cache(value: ast.expr) -> bool:
    """Whether a name is given a cached form of a function: `read = lru_cache(…)(read)`."""
    return isinstance(value, ast.Call) and (
        _last(value) in _CACHING or (isinstance(value.func, ast.Call) and _is_cache(value.func))
    )


def _last(node: ast.expr) -> str:
    """The last name of what is called or used: `lru_cache` of `functools.lru_cache(maxsize=4)`."""
    match node:
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return _last(inner)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


LASTING: dict[str, tuple[str, str, str]] = {
    "schema/documents.py: DocumentCache._documents": ("parsed documents", "signed-in callers", "64 MiB in all, 1 MiB each, by an estimate that lies above what is allocated"),
    "schema/documents.py: Known._weights": ("costs of one document, by its numbers", "callers", "20 for each document"),
    "schema/ids.py: _encoded": ("encoded ids", "callers, by what they read", "8,192"),
    "schema/ways.py: _way": ("how a selected field is resolved", "callers, by valid documents", "4,096"),
    "resolvers/budgets.py: Budgets._levels": ("cost budgets, by caller or address", "callers, by their address", "200,000; then the fuller half is dropped and counts as full"),
    "policies/compiled.py: Remembered._answers": ("plans for callers of a kind that was not foreseen", "callers, by their roles and grants", "2,048"),
    "policies/decisions.py: Decisions._statements": ("statements, by the actions that are asked about", "callers, by their selection", "64 for each kind of caller and type"),
    "storage/pages.py: _decided": ("labels of decision columns", "callers, by their selection", "1,024"),
    "storage/reading.py: _made": ("prepared pages", "callers, by their selection and filters", "1,024"),
    "storage/reading.py: _made_below": ("prepared pages below a parent", "callers, by their selection", "1,024"),
    "storage/reading.py: _made_among": ("prepared reads by ids", "callers, by their selection", "1,024"),
    "storage/reading.py: _allowed": ("sets of allowed actions", "callers, by what they may do", "4,096"),
    "storage/records.py: _parsed": ("ids as they are read from SQLite", "callers, by what they read", "8,192"),
    "storage/vault/places.py: _keyset": ("names of keysets", "callers, by what they read", "4,096"),
    "storage/keys/cache.py: KeyCache._entries": ("unwrapped keys", "callers, by what they read", "2,048, each for MUNIMENT_KEY_CACHE_SECONDS"),
    "storage/ledger/trail.py: _among": ("statements over the audit log, by what may be read", "callers, by their kind", "64"),
    "storage/damages.py: Damages._known": ("damages that were reported within the hour", "callers, by what they read", "10,000"),
    "storage/bells.py: Bell._waiting": ("subscriptions, by what they follow", "callers who subscribe", "MUNIMENT_STREAMS_PER_CALLER for each caller, 20 for each WebSocket"),
    "storage/idempotency.py: _held": ("locks of Idempotency-Keys", "callers, by their keys", "one for each request under way"),
    "muniment/crowds.py: Crowd._open": ("open streams, by caller", "callers who are connected", "one entry for each open connection"),
    "muniment/crowds.py: _Places._held": ("shared places of open streams", "callers who are connected", "one entry for each open connection"),
    "muniment/crowds.py: _Places._gone": ("places that are given back", "callers who disconnect", "one for each connection that ended in the last seconds"),
    "muniment/sockets.py: Handler._sizes": ("sizes of a WebSocket's operations", "callers with a WebSocket", "20 for each connection"),
    "muniment/graphiql.py: _content": ("files of GraphiQL", "none", "its files, with and without compression"),
    "agents/sentinel/detecting.py: Detector._counts": ("counts of intrusion detection, by who is counted", "callers, by what they do", "MOST of agents/sentinel/detecting.py"),
    "agents/sentinel/detecting.py: Detector._written": ("notices that were sent lately", "callers, by what they do", "MOST of agents/sentinel/detecting.py"),
    "agents/sentinel/detecting.py: _Count.seen": ("different things of one count", "callers, by what they do", "those within the window of one detection"),
    "agents/sentinel/watching.py: Sentinel._early": ("entries read before their place is known", "callers, by what they do", "those that wait to be sequenced"),
    "agents/retention/sweeping.py: Sweeper._told": ("retention problems that were logged", "contributors, by their settings", "10,000"),
    "agents/egress.py: Register._admitted": ("versions of the register of services that were checked", "staff", "one for each change of the register"),
    "muniment/leaks.py: _found": ("withheld log values, by kind and logger", "none", "three kinds times the loggers of the code"),
    "muniment/bypasses.py: Reconciling._told": ("writes past the application", "none", "those of the last check"),
    "agents/turns.py: Turns._running": ("jobs that run, by contributor", "contributors, by what they queue", "one for each job that runs"),
    "agents/webhooks.py: Receivers._resting": ("hosts of webhooks that do not answer", "contributors, by their webhooks", "1,000, the oldest goes"),
    "muniment/connections.py: ConnectionGuard._connections": ("connections", "callers", "MUNIMENT_CONNECTIONS and the backlog"),
    "muniment/connections.py: ConnectionGuard._others": ("other open files", "the process", "the limit on open files"),
    "muniment/connections.py: _Connection.messages": ("WebSocket messages under way", "callers", "one for each request of a connection, at most 32"),
    "muniment/exchanges.py: Activity.exchanges": ("requests of a connection", "callers", "one; over HTTP/2 at most 32"),
    "muniment/exchanges.py: Exchanges._by_peer": ("requests under way, by connection", "callers", "MUNIMENT_CONNECTIONS and the backlog"),
    "muniment/exchanges.py: Exchanges._extras": ("streams beyond the first of a connection, by address", "callers", "one for each connection"),
    "muniment/exchanges.py: Exchanges.flooding": ("connections that are about to be closed", "callers", "one for each connection"),
    "muniment/threads.py: Threads._names": ("callers behind credentials that were good, by hash", "callers", "10,000, the oldest goes"),
    "muniment/threads.py: Threads._shares": ("operations under way, by caller", "callers", "one for each request under way"),
    "muniment/threads.py: Threads._turns": ("callers whose operations wait", "callers", "one for each request under way"),
    "muniment/threads.py: _Share.waiting": ("operations of one caller that wait", "callers", "64; one more is refused"),
    "resolvers/denial_summaries.py: DenialSummaries._tallies": ("denials of strangers, by address", "strangers", "1,000 a minute, the others together"),
    "resolvers/denial_summaries.py: DenialSummaries._credentials": ("uses of credentials that are not good", "strangers", "1,000 a minute"),
    "resolvers/denial_summaries.py: _Tally.kinds": ("kinds of denial of one address", "strangers", "30 a minute"),
    "resolvers/subscriptions.py: Subscriptions._open": ("open subscriptions, by caller", "callers", "MUNIMENT_SUBSCRIPTIONS_PER_CALLER each"),
    "storage/bulkheads.py: Bulkhead._calls": ("calls to one other server that are under way", "callers", "its places: 3 of a key service, 4 of a counter, 32 of a bucket"),
    "schema/weights.py: _named": ("what the schema says of a field", "callers, by valid fields", "8,192"),
}  # fmt: skip
"""What lasts as long as the process: what is in it, who influences its keys, and its bound. docs/operations/limits.md shows it."""

FINITE = {
    "agents/ledger/checking.py: LogCheck._known": "10,000, and the damage of one run: at most 17,000",
    "agents/sentinel/supervision.py: Supervisor._hung": "five entries: the thread is not replaced more often",
    "agents/turns.py: Kept._values": "1,000, the oldest goes",
    "muniment/connections.py: ConnectionGuard._closed": "one for each reason",
    "resolvers/attempts.py: Attempt.own": "one attempt",
    "resolvers/attempts.py: Attempt.reserved": "one attempt",
    "schema/api.py: sdl": "one text",
    "storage/database.py: _LOGS": "one for each database, with its open connections",
    "storage/dbos_serialization.py: _ran": "emptied before each check",
    "storage/lost_keysets.py: LostKeysets.shown": "100",
    "storage/work.py: UnitOfWork._undo": "the effects of one transaction",
    "schema/api.py: build": "one schema",
    "schema/runners.py: _hook": "the hooks of three extensions",
    "resolvers/access_reviews/campaigns.py: rights_by": "lru_cache of 2",
    "resolvers/detections/rows.py: WAITING": "a constant",
    "policies/decisions.py: keys_of": "one for each model",
    "policies/decisions.py: Decisions._keys": "one for each action of a model",
    "policies/program.py: _ours": "one digest",
    "policies/resources.py: worked_out": "one for each model",
    "policies/compiled.py: Policy._plans": "the foreseen kinds of callers times the models",
    "policies/compiled.py: Policy._foreseen": "the foreseen kinds of callers times the models",
    "policies/compiled.py: Policy._platform": "the foreseen kinds of callers",
    "policies/tabling.py: Tables._excerpts": "one for each model; kept while a policy is compiled",
    "policies/tabling.py: Tables._answers": "kept while a policy is compiled",
    "policies/tabling.py: Tables._plans": "kept while a policy is compiled",
    "policies/reading.py: _words": "lru_cache of 4",
    "storage/archives/records.py: _plan": "one for each model",
    "storage/catalogue.py: models": "one list",
    "storage/ledger/entries.py: _statements": "the tables of the audit log, in one order",
    "storage/ledger/entries.py: _in_one": "the tables of the audit log, in one order, beside one insert for each table",
    "storage/ledger/entries.py: _named": "one for each model",
    "storage/ledger/events/base.py: _RECORDED": "one for each class of events",
    "storage/ledger/events/base.py: _FORMS": "one for each class of events",
    "storage/ledger/events/base.py: REGISTRY": "one for each class of events",
    "storage/ledger/reads.py: _kind_of": "one for each table",
    "storage/populations/envelopes.py: software_version": "one text",
    "storage/queue.py: _client": "one for each database",
    "storage/resealing.py: _replacing": "one for each sealed model",
    "storage/search/indexes.py: _alone": "one for each table of words",
    "storage/search/indexes.py: _insertion": "one for each table of words",
    "storage/statements.py: Fixed._compiled": "one for each driver",
    "storage/statements.py: Question._processors": "one for each driver",
    "storage/vault/places.py: place_of": "one for each sealed column",
    "storage/vault/places.py: has_id": "one for each model",
    "agents/models/local.py: _digest": "one for each model file that the operator put in place",
    "agents/outages.py: Lookout._failing": "one for each component",
    "agents/outward.py: trusted": "one context",
    "agents/runtime.py: _workflows": "one for each workflow",
    "agents/takeovers.py: Takeover._absent": "one for each process that is missing",
    "muniment/versions.py: libraries": "one text",
    "muniment/versions.py: program": "one text",
}
"""What lasts, but of which the code or the operator decides how many there are."""

SHORT = {
    "schema/columns.py": "one operation",
    "schema/nodes.py": "one operation",
    "schema/assets.py": "an input object, bounded by the body limit",
    "schema/follow_ups.py": "an input object, bounded by the body limit",
    "schema/prompts.py": "an input object, bounded by the body limit",
    "schema/services.py": "an input object, bounded by the body limit",
    "resolvers/context.py": "one operation",
    "resolvers/detections/forms.py": "written out in the code",
    "policies/access.py": "one operation",
    "policies/rulings.py": "while a policy is compiled",
    "policies/workbench/": "while a policy of the operator is checked, lru_caches of 4 at most, and weak references",
    "storage/archives/": "one archive",
    "storage/backups/": "one backup",
    "storage/blobs/writer.py": "one upload: a segment at most",
    "storage/certificates/": "one certificate",
    "storage/evidence/": "one pack",
    "storage/ledger/tree.py": "one computation of a proof",
    "storage/ledger/verify_audit.py": "one export",
    "storage/ledger/witnesses.py": "one policy of the operator",
    "storage/records.py": "written out in the code",
    "storage/rehashing.py": "one rotation: a page of damages",
    "storage/resealing.py": "one rotation",
    "storage/rotations.py": "one rotation",
    "storage/scrubbing.py": "one check of all values",
    "storage/vault/": "one unit of work",
    "agents/exports/": "one export",
    "agents/generation/": "one prompt",
    "agents/imports/": "one import, bounded by its archive",
    "agents/ledger/witnesses.py": "one round",
    "agents/retention/sweeping.py": "one sweep",
    "agents/runtime.py": "one run of the agents",
    "agents/sentinel/detecting.py": "one count: what lies in its window",
    "muniment/demo/": "one demonstration",
}
"""What is gone with what it was made for, by file or folder."""
