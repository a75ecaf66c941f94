"""Checking the audit trail from the command line, and copying it for whoever wants to check it elsewhere."""

from pathlib import Path

from muniment.house import open_house
from muniment.settings import Settings
from resolvers import ledger
from storage.ledger import checkpoint, verify_audit
from storage.ledger.copies import write_copy
from storage.ledger.verify_audit import Report


def check(source: str, vkey: str | None, old: Path | None, leaf: Path | None) -> Report:
    """What is found about a log at `source`, or with `leaf` about one entry whose proof is at `source`."""
    try:
        if leaf is None:
            return verify_audit.run(source, vkey, None if old is None else str(old))
        if vkey is None:
            return Report([f"a proof is checked with the log's key: pass --vkey, as {_WHERE} shows it."])
        found = checkpoint.verify_leaf(leaf.read_bytes(), Path(source).read_text(encoding="utf-8"), vkey.strip())
    except (OSError, ValueError) as error:
        return Report([f"{error}."])
    return Report(facts=[f"The entry is one of the {found.size} that were signed for."])


def export(settings: Settings, place: Path) -> int:
    """Copy the log to `place`; answers how many entries it has. Raises NothingPublished."""
    with open_house(settings) as house:
        return write_copy(house.store.engine, ledger.key(house), place, house.store.archive)


_WHERE = "/ledger/vkey"
