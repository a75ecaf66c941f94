"""Nothing but the gateway's own files opens a connection: what could is imported nowhere else, and asked nowhere else."""

import ast

from tests.contract.source import modules, nodes

CONNECTS = {
    "aiohttp", "asyncio.open_connection", "ftplib", "http.client", "httpx", "httpx2", "openai", "poplib", "requests",
    "smtplib", "socket", "socketserver", "telnetlib", "urllib.request", "urllib3", "websockets", "xmlrpc",
}  # fmt: skip
"""What a program could reach another machine with."""

ALLOWED = {
    "agents/mail.py": "a server for e-mail: asked by agents/notices/delivering.py alone, once the gate is open",
    "agents/models/endpoints.py": "a model's endpoint: asked by agents/models/gateway.py alone, once the gate is open",
    "agents/outward.py": "webhooks and witnesses, each by an address that was looked at",
    "muniment/certificates.py": "the name of this machine; connects to nothing",
    "muniment/demo/client.py": "plays a client against a server, and is none",
    "muniment/serve.py": "asks whether its own port is free",
    "storage/bells.py": "a pair of sockets within this process, by which a thread is told to end",
    "storage/ledger/verify_audit.py": "a script for others, who fetch a log with it; the server does not run it",
}
"""Which files may, and why. Buckets and key services have import contracts of their own (pyproject.toml)."""

SENDERS = {
    "agents/erasures/recalling.py": "a provider's own id of an answer, to be deleted; by the terms in the register",
    "agents/exports/announcing.py": "ids, to the address that a contributor named for their own export",
    "agents/issuers.py": "asks the operator's issuer for its public keys, and sends nothing",
    "agents/ledger/courier.py": "asks the gate before each delivery",
    "agents/ledger/witnesses.py": "a signed checkpoint: about nobody, and published anyway",
    "agents/runtime.py": "keeps which hosts of webhooks did not answer; sends nothing",
    "agents/notices/delivering.py": "a notice, to the address that a contributor named for theirs",
}
"""Which files hand something to `agents.outward`, or to it by `agents.webhooks`, and why each may."""


def _imported(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return found


def test_connections_are_opened_in_few_files() -> None:
    """A new way out would go past the gate: send through agents/models/gateway.py or agents/outward.py instead."""
    opening = {
        path
        for path, tree in modules("schema", "resolvers", "policies", "storage", "agents", "muniment")
        if any(name in CONNECTS or name.partition(".")[0] in CONNECTS for name in _imported(tree))
    }
    assert opening == set(ALLOWED)


def test_what_goes_outward_is_known() -> None:
    """Whoever imports the door to the outside stands in the list, with what it sends."""
    doors = {"agents.outward", "agents.webhooks"}
    sending = {path for path, tree in modules("agents", "muniment") if doors & _imported(tree)}
    assert sending - {"agents/webhooks.py"} == set(SENDERS)


def test_mail_is_sent_by_the_notifier_alone() -> None:
    """`send` of a server for e-mail goes past the gate: only the notifier, which asks the gate, holds one to call it."""
    holding = {path for path, tree in modules("agents", "muniment", "resolvers") if "agents.mail" in _imported(tree)}
    assert holding == {"agents/notices/delivering.py", "agents/runtime.py", "muniment/crew.py", "muniment/hazards.py"}


def test_a_model_is_asked_by_the_gateway_alone() -> None:
    """`answer` of a provider goes past the gate: only the gateway calls it, and a provider that wraps another."""
    asking = {
        path
        for path, tree in modules("agents", "muniment", "resolvers")
        for node in nodes(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "answer"
    }
    assert asking == {"agents/models/gateway.py", "agents/models/local.py"}
