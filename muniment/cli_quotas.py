"""`python -m muniment quota …`: how much room files take here, and who may have more or less than everybody."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.cli_words import Home, settings_of, told

if TYPE_CHECKING:
    from resolvers.house import House

app = typer.Typer(no_args_is_help=True, help="Room for contributors' files.")

_SHOWN = 20


@app.command("show")
def show(home: Home = None) -> None:
    """Say what all files take, and whose take most, by id: names and e-mails are sealed."""
    with _opened(home) as house:
        from storage import quotas
        from storage.database import transaction

        with transaction(house.store.engine, read_only=True) as session:
            found = quotas.capacity(session, house.limits.allowance)
            rows = quotas.largest(session, _SHOWN)
    everybody = house.limits.allowance
    typer.echo(
        f"{found.files:,} files of {found.byte_size:,} bytes, of {found.people:,} contributors; announced ones too."
    )
    typer.echo(f"Each may have {everybody.files:,} files of {everybody.byte_size:,} bytes.")
    typer.echo(f"{found.nearly:,} have taken nine tenths of their room or more.")
    for row in rows:
        own = [f"{row.most_files:,} files" if row.most_files is not None else ""]
        own += [f"{row.most_bytes:,} bytes" if row.most_bytes is not None else ""]
        limits = " and ".join(each for each in own if each)
        typer.echo(f"{row.owner_id}: {row.files:,} files of {row.byte_size:,} bytes{limits and f'; may have {limits}'}")


@app.command("grant")
def grant(
    email: Annotated[str, typer.Option(help="Whose room it is: the e-mail they sign in with.")],
    most_bytes: Annotated[
        int | None, typer.Option("--bytes", min=0, help="How many bytes they may have. Unsaid: as many as everybody.")
    ] = None,
    most_files: Annotated[
        int | None, typer.Option("--files", min=0, help="How many files. Unsaid: as many as everybody.")
    ] = None,
    home: Home = None,
) -> None:
    """Give one contributor more room than everybody, or less; with neither --bytes nor --files, as much again."""
    with _opened(home) as house:
        from resolvers import quotas

        use = quotas.grant_at_machine(house, email, most_bytes, most_files)
    typer.echo(f"{email} may have {use.most_files:,} files of {use.most_bytes:,} bytes.")
    typer.echo(f"They have {use.files:,} of {use.byte_size:,}, announced ones among them.")
    if use.over:
        typer.echo("That is more: nothing is deleted, and nothing more comes in before they are below it.")


@app.command("recount")
def recount(home: Home = None) -> None:
    """Count anew what everybody's files take, where `doctor` finds that a count is wrong. Servers may run meanwhile."""
    with _opened(home) as house:
        from resolvers import quotas

        corrected = quotas.recount_at_machine(house)
    typer.echo(f"{corrected} counts were wrong, and are right now." if corrected else "Every count was right.")


@contextmanager
def _opened(home: Path | None) -> Iterator["House"]:
    settings = settings_of(home=home)
    from muniment.homes import prepare
    from muniment.house import open_house

    prepare(settings)
    with told(), open_house(settings) as house:
        yield house
