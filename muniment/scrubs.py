"""The scrub of the command line: everything that is sealed, tried, and told in lines, and damage in the trail too."""

import uuid

from muniment.house import open_house
from muniment.settings import Settings
from policies.principals import Kind
from storage.damages import MOST
from storage.ledger.scope import AuditScope
from storage.scrubbing import scrub as everything


def scrub(settings: Settings) -> tuple[list[str], bool]:
    """What was found, in lines, and whether all of it opens. Raises what `open_house` and `storage.scrubbing` raise."""
    with open_house(settings) as house:
        found = everything(house.store)
        damaged = [each.damaged for each in found.findings if each.damaged is not None]
        if damaged:
            scope = AuditScope("scrub", Kind.AGENT.value, None, None, None, None, uuid.uuid4(), house.policy.version)
            house.store.tell_of_damage(scope, damaged[:MOST])
    told = [f"{each.code}: {each.column} of {each.table} {each.row_id}" for each in found.findings]
    files = f"{found.files} files of {found.bytes} bytes"
    if told or found.unread:
        lines = [*told, f"{len(told)} do not open. {found.values} sealed values and {files} do."]
        if found.unread:
            lines.append(f"{found.unread} files could not be looked at: the blob store did not answer. Scrub again.")
        return lines, False
    return [f"Everything opens: {found.values} sealed values and {files}."], True
