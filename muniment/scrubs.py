"""The scrub of the command line: everything that is sealed, tried, and told in lines."""

from muniment.house import open_house
from muniment.settings import Settings
from storage.scrubbing import scrub as everything


def scrub(settings: Settings) -> tuple[list[str], bool]:
    """What was found, in lines, and whether all of it opens. Raises what `open_house` and `storage.scrubbing` raise."""
    with open_house(settings) as house:
        found = everything(house.store)
    told = [f"{each.code}: {each.column} of {each.table} {each.row_id}" for each in found.findings]
    files = f"{found.files} files of {found.bytes} bytes"
    if told or found.unread:
        lines = [*told, f"{len(told)} do not open. {found.values} sealed values and {files} do."]
        if found.unread:
            lines.append(f"{found.unread} files could not be looked at: the blob store did not answer. Scrub again.")
        return lines, False
    return [f"Everything opens: {found.values} sealed values and {files}."], True
