"""`python -m muniment lockdown …`: locking the platform down, and opening it again, when nobody can sign in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.cli_words import Home, settings_of, told

if TYPE_CHECKING:
    from resolvers.house import House

app = typer.Typer(
    no_args_is_help=True, help="A time in which only reading, exporting and deleting of one's own goes on."
)


@app.command("on")
def on(
    reason: Annotated[str, typer.Option(help="Why, for colleagues and auditors. At least 10 letters.")],
    hours: Annotated[int, typer.Option(help="After how many hours it ends by itself, at most 168.")] = 24,
    home: Home = None,
) -> None:
    """Lock the platform down, at once and in every process. Nobody has to be signed in, no server has to run."""
    with _opened(home) as house:
        from resolvers.lockdowns import deciding

        until = deciding.begin_at_machine(house, reason, hours)
    typer.echo(
        f"Locked down, until {until.isoformat(timespec='seconds')} at the latest. `lockdown off` opens it again."
    )


@app.command("off")
def off(home: Home = None) -> None:
    """Open the platform again. The trail says that it was done at the machine, where nobody's name is known."""
    with _opened(home) as house:
        from resolvers.lockdowns import deciding

        deciding.end_at_machine(house)
    typer.echo("Open again.")


@app.command("status")
def status(home: Home = None) -> None:
    """Say whether the platform is locked down, since when, and until when at the latest. Exit 1 while it is."""
    with _opened(home) as house:
        found = house.force.locked_down
    if found is None:
        typer.echo("Open.")
        return
    since, until = found.since.isoformat(timespec="seconds"), found.until.isoformat(timespec="seconds")
    typer.echo(f"Locked down since {since}, until {until} at the latest.")
    raise typer.Exit(1)


@contextmanager
def _opened(home: Path | None) -> Iterator["House"]:
    settings = settings_of(home=home)
    from muniment.homes import prepare
    from muniment.house import open_house

    prepare(settings)
    with told(), open_house(settings) as house:
        yield house
