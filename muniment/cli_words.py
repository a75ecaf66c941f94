"""What every command says and does alike: reading settings, and leaving with a sentence where something is amiss."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

Home = Annotated[
    Path | None, typer.Option(help="Directory that holds data/ and keys/. Default: var.", show_default=False)
]


def settings_of(**overrides: Any) -> Any:
    """This process's settings, with its logging taken over; leaves with code 2 if they can't be used."""
    from muniment import logs
    from muniment.variables import SettingsError, load

    try:
        settings = load(**overrides)
    except SettingsError as error:
        give_up(*error.sentences, code=2)
    logs.configure(production=settings.production)
    return settings


@contextmanager
def told() -> Iterator[None]:
    """Turn what an operator can mend into its sentence and leave. Anything else is a fault, told by its frames."""
    from muniment.hazards import NotForProduction
    from muniment.homes import HomeInUse
    from muniment.serve import CannotServe
    from policies.errors import PolicyError
    from resolvers.errors import CodedError
    from storage.archives.reading import ArchiveRefused
    from storage.backups.streams import BackupRefused
    from storage.blobs.errors import BlobStoreUnavailable
    from storage.database import DatabaseUnreachable, OutcomeUnknown, lacks_right
    from storage.keys.errors import KeyStoreError
    from storage.ledger.copies import NothingPublished
    from storage.ledger.tree import LedgerDamaged
    from storage.privileges import RotationRefused
    from storage.queue_tables import QueueUnsafe

    try:
        yield
    except ArchiveRefused as error:
        give_up(f"{error.code} ({error.reason}): {error}")
    except OutcomeUnknown:
        give_up("The outcome is unknown: the database was lost while it committed. Look first whether it was done.")
    except DatabaseUnreachable as error:
        if lacks_right(error):
            give_up(
                "The login in MUNIMENT_DATABASE_URL may not do this: docs/operations/postgresql.md says which command"
                " goes with which login. If it should, run `database upgrade --grant-api … --grant-agents …` as owner."
            )
        give_up("The database does not answer, or does not let us in: look at MUNIMENT_DATABASE_URL.")
    except RotationRefused as error:
        give_up(f"{error.code}: {error}.")
    except BackupRefused as error:
        give_up(f"{error.code}: {error}")
    except BlobStoreUnavailable as error:
        give_up(f"{error}: look at MUNIMENT_BLOB_URL, and whether the disk is full.")
    except (
        HomeInUse,
        NotForProduction,
        CannotServe,
        PolicyError,
        CodedError,
        KeyStoreError,
        NothingPublished,
        LedgerDamaged,
    ) as error:
        give_up(str(error))
    except QueueUnsafe as error:
        give_up(str(error))


def give_up(*sentences: str, code: int = 1) -> NoReturn:
    """Say these on standard error and leave with this code."""
    for sentence in sentences:
        typer.echo(sentence, err=True)
    raise typer.Exit(code)
