"""Whether a database and a key store belong together: what one sealed, the other must be able to open."""

from sqlalchemy import Engine, select

from storage.contributors import Contributor, ContributorStatus
from storage.database import transaction
from storage.keys.errors import KeyStoreMissing
from storage.keys.keyring import Keyring
from storage.keys.names import contributor_keyset

_LOOKED_AT = 20


def demand_pair(engine: Engine, keyring: Keyring) -> None:
    """Raise KeyStoreMissing when of the contributors in these data not one has a keyset in this key store.

    Otherwise an installation whose keys were not mounted would begin anew on old data, and what is written then would
    be lost when they are back. Contributors whose erasure is journalled do not count: their keys are gone for good.
    """
    erased = {entry.owner for entry in keyring.all_erasures()}
    newest = (
        select(Contributor.id).where(Contributor.status == ContributorStatus.ACTIVE).order_by(Contributor.id.desc())
    )
    with transaction(engine, read_only=True) as session:
        known = [found for found in session.scalars(newest.limit(_LOOKED_AT + len(erased))) if found not in erased]
    if known and not any(keyring.exists(contributor_keyset(owner)) for owner in known[:_LOOKED_AT]):
        raise KeyStoreMissing(
            "these data were sealed under keys that are not in this key store: restore the key store that belongs to "
            "them, or begin anew with empty data"
        )
