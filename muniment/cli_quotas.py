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


@app.command("show")
def show(home: Home = None) -> None:
    """Say what all files take, and whose take most, by id: names and e-mails are sealed."""
    with _opened(home) as house:
        from muniment import quotas

        for line in quotas.lines(house):
            typer.echo(line)


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
