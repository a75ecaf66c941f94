"""What is done outside the database beside a transaction is known, tried with each COMMIT lost, and undone by rule."""

import ast
from collections.abc import Iterator

from tests.contract.source import ROOMS, calls, modules, nodes
from tests.faults.test_lost_commits import USE_CASES

EFFECTS = {
    "keyring": {"close_erasure", "create", "destroy", "destroy_owned_by", "ensure_search_key", "journal_erasure"},
    "blobs": {"put_back", "remove", "remove_all", "sweep", "writer"},
    "partials": {"remove_all", "sweep", "writer"},
    "rotation": {"introduce", "promote", "remember_signer", "retire", "rewrap", "wrap_with"},
    "archive": {"seal", "write"},
    "outside": {"put"},
    "copies": {"keep", "prune"},
    "mail": {"send"},
    "models": {"stream"},
    "streams": {"write"},
    "": {"mirror", "post", "posted", "remove"},
}
"""Calls that leave something outside the database: on what, by the last name of it, and which."""


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for node in nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node


def _is_effect(name: str, owner: str) -> bool:
    return name in EFFECTS.get(owner.rpartition(".")[2].removesuffix("()").lstrip("_"), ())


def _found() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path, tree in modules(*ROOMS):
        if path.startswith(("storage/keys/", "storage/blobs/")):
            continue
        for function, node in _functions(tree):
            done = {name for _, name, owner in calls(node) if _is_effect(name, owner)}
            if done:
                found.setdefault(f"{path}:{function}", set()).update(done)
    return found


AFTER = "done once what it follows from is committed; repeated until it is"
AT_LEAST_ONCE = "sent before it is noted, and again under the same id"
PLACED = "comes to be before the rows that speak of it, is found there by the next run, and replaces nothing"
KNOWN = {
    "agents/erasures/destroying.py:_erase": "erase_asset",
    "agents/erasures/destroying.py:_remove_files": "erase_asset",
    "agents/erasures/destroying.py:_remove_unfinished": "erase_asset",
    "agents/erasures/destroying.py:destroy_keys": "erase_account",
    "agents/erasures/destroying.py:journal": "erase_project",
    "agents/erasures/reducing.py:_files": "erase_account",
    "agents/erasures/resuming.py:resume_open_erasures": AFTER,
    "agents/erasures/verifying.py:verify": "erase_account",
    "agents/erasures/recalling.py:ask": AT_LEAST_ONCE,
    "agents/exports/announcing.py:announce_export": AT_LEAST_ONCE,
    "agents/exports/building.py:_claim": "build",
    "agents/exports/building.py:_publish": "build",
    "agents/exports/building.py:_write": "build",
    "agents/exports/expiring.py:_destroy": "expire_exports|withdraw_export",
    "agents/generation/variations.py:_listen": "generate",
    "agents/imports/taking.py:_has_place": "take_in_archive",
    "agents/imports/taking.py:_keep_asset": "take_in_archive",
    "agents/ledger/ageing.py:_archive": PLACED,
    "agents/ledger/courier.py:_deliver": AT_LEAST_ONCE,
    "agents/ledger/sequencer.py:_remember": "publish_log",
    "agents/notices/delivering.py:_handed_in": AT_LEAST_ONCE,
    "agents/notices/delivering.py:_webhook": AT_LEAST_ONCE,
    "agents/thumbnails.py:_keep": "make_thumbnail",
    "muniment/backups.py:_data": PLACED,
    "muniment/backups.py:_keys": PLACED,
    "muniment/imports.py:_in_clear": "sealed anew for as long as it is read; no row ever names it",
    "muniment/restores.py:_data": PLACED,
    "resolvers/contributors.py:register": "register",
    "resolvers/projects.py:create": "create_project",
    "resolvers/uploads.py:_forget_partials": "upload",
    "resolvers/resumable_uploads.py:_withdraw": "upload_in_parts",
    "resolvers/uploads.py:_withdraw": "upload",
    "resolvers/uploads.py:begin": "upload",
    "resolvers/resumable_uploads.py:resume": "upload_in_parts",
    "storage/backups/restoring.py:files": PLACED,
    "storage/backups/taking.py:data": PLACED,
    "storage/file_bindings.py:_bind": "bind_file",
    "storage/file_bindings.py:_remove_replaced": "bind_file",
    "storage/orphans.py:_sweep": "upload",
    "storage/rotations.py:_retire": "rotate",
    "storage/rotations.py:_rewrap": "rotate",
    "storage/rotations.py:_rotate": "rotate",
    "storage/rotations.py:name_them": AFTER,
    "storage/rotations.py:rotate_kek": AFTER,
    "storage/rotations.py:rotate_signing": AFTER,
    "storage/vault/__init__.py:hashed": "upload",
}
"""Each function with such an effect: in which use cases tests/faults loses each COMMIT, or why it needs none."""

BY_HAND = {"muniment/imports.py:_in_clear", "resolvers/projects.py:share"}
"""Where something is undone in an `except` or a `finally`: no transaction names it, or it is a count in the database."""

_UNDOES = {"destroy", "destroy_owned_by", "remove", "remove_all", "unlink", "withdraw", "_withdraw"}


def test_every_effect_outside_the_database_is_known_and_tried() -> None:
    """A new one gets a use case in tests/faults/test_lost_commits.py, and a line here; decision 82 says why."""
    assert set(_found()) == set(KNOWN)
    tried = {use_case.__name__ for use_case in USE_CASES}
    assert {each for how in KNOWN.values() if " " not in how for each in how.split("|")} == tried


def test_no_handler_undoes_an_effect_beside_a_transaction() -> None:
    """An `except` can't tell a rollback from a lost answer: `OutsideEffect` and `UnitOfWork.on_rollback` can."""
    assert {
        place for path, tree in modules("resolvers", "agents", "muniment") for place in _handled(path, tree)
    } == BY_HAND


def test_the_rule_finds_the_fault_that_it_is_for() -> None:
    """What `Upload.finish` once did, and a `finally` that does it."""
    for handler in ("except BaseException", "finally"):
        wrong = (
            f"def finish(self):\n    try:\n        self.commit()\n    {handler}:\n        self.blobs.remove(self.id)\n"
        )
        assert list(_handled("x.py", ast.parse(wrong))) == ["x.py:finish"]


def _handled(path: str, tree: ast.Module) -> Iterator[str]:
    for function, node in _functions(tree):
        for tried in nodes(node):
            if isinstance(tried, ast.Try):
                handlers = [*(each for handler in tried.handlers for each in handler.body), *tried.finalbody]
                if any(_is_undoing(name, owner) for each in handlers for _, name, owner in calls(each)):
                    yield f"{path}:{function}"
                    break


def _is_undoing(name: str, owner: str) -> bool:
    return name in _UNDOES and (_is_effect(name, owner) or name.endswith("withdraw"))
