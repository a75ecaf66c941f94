"""How much room files take here, for whoever runs the server: in lines, and as what the doctor says."""

from collections.abc import Iterator

from muniment.findings import Finding
from muniment.house import allowance
from muniment.settings import Settings
from resolvers.house import House
from storage import quotas
from storage.database import Transaction, transaction
from storage.open_databases import OpenDatabases
from storage.quotas import Capacity, Quota

_SHOWN = 20


def lines(house: House) -> Iterator[str]:
    """What all files take, and whose take most, by id: names and e-mails are sealed."""
    everybody = house.limits.allowance
    with transaction(house.store.engine, read_only=True) as session:
        found = quotas.capacity(session, everybody)
        rows = quotas.largest(session, _SHOWN)
    yield f"{found.files:,} files of {found.byte_size:,} bytes, of {found.people:,} contributors; announced ones too."
    yield f"Each may have {everybody.files:,} files of {everybody.byte_size:,} bytes."
    yield f"{found.nearly:,} have taken nine tenths of their room or more."
    yield from map(_line, rows)


def findings(settings: Settings, databases: OpenDatabases) -> list[Finding]:
    """What files take of what their owners may have, and whether it is counted right."""

    def counted(session: Transaction) -> tuple[Capacity, int] | None:
        if not quotas.are_kept(session):
            return None
        return quotas.capacity(session, allowance(settings)), len(quotas.drifted(session))

    read = databases.read(counted)
    if read is None:
        return []
    found, wrong = read
    if wrong:
        return [Finding("quotas", False, f"{wrong} counts of files are wrong: `quota recount` puts them right")]
    said = f"{found.files} files of {found.byte_size // 1024**2} MiB are counted, {found.people} contributors"
    return [Finding("quotas", True, f"{said}; {found.nearly} have taken nine tenths of their room")]


def _line(row: Quota) -> str:
    own = [f"{row.most_files:,} files" if row.most_files is not None else ""]
    own += [f"{row.most_bytes:,} bytes" if row.most_bytes is not None else ""]
    limits = " and ".join(each for each in own if each)
    return f"{row.owner_id}: {row.files:,} files of {row.byte_size:,} bytes{limits and f'; may have {limits}'}"
