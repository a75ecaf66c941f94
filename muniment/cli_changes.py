"""`python -m muniment changes …`: what runs here, and what nobody approved of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.cli_words import Home, settings_of, told

if TYPE_CHECKING:
    from resolvers.house import House

app = typer.Typer(no_args_is_help=True, help="What runs here, and the register of who agreed to each change of it.")

Json = Annotated[bool, typer.Option("--json", help="As the `versions` of registerChange takes it.")]


@app.command("show")
def show(home: Home = None, json: Json = False) -> None:
    """What would run from here with these settings: the version of each part. Starts nothing, asks no database."""
    settings = settings_of(home=home)
    import orjson

    from muniment.models import version as of_the_model
    from muniment.versions import running
    from policies.compiled import hash_of, version_of
    from storage.changes import RunningPart

    with told():
        versions = {**running(settings), RunningPart.POLICY: version_of(hash_of(settings.policy_file.read_bytes()))}
        if (model := of_the_model(settings)) is not None:
            versions[RunningPart.MODEL] = model
    if json:
        listed = [{"part": part.value, "version": version} for part, version in sorted(versions.items())]
        typer.echo(orjson.dumps(listed).decode())
        return
    for part, version in sorted(versions.items()):
        typer.echo(f"{part.value:<14} {version}")


@app.command("list")
def register(home: Home = None) -> None:
    """The newest 100 changes that were registered: what each is, and how it stands. Their words are in the API."""
    with _opened(home) as house:
        from storage import changes
        from storage.database import transaction

        with transaction(house.store.engine, read_only=True) as session:
            found = changes.newest(session, 100)
    for each in found:
        parts = ", ".join(f"{part} {version}" for part, version in sorted(each.versions.items()))
        urgent = ", an emergency" if each.emergency else ""
        typer.echo(
            f"{each.registered_at:%Y-%m-%d %H:%M}  {each.status.value:<10}  {each.ticket}  "
            f"{each.kind.value}{urgent}: {parts}"
        )
    if not found:
        typer.echo("No change was registered yet: `registerChange` in the API.")


@app.command("reconcile")
def reconcile(
    home: Home = None, everything: Annotated[bool, typer.Option("--all", help="All that ever ran.")] = False
) -> None:
    """Hold what runs and ran against the register. Exit 1 if nobody approved something, or looked at it in time."""
    with _opened(home) as house:
        from storage import changes
        from storage.clock import now
        from storage.database import transaction

        with transaction(house.store.engine, read_only=True) as session:
            found = changes.reconciled(session, now())
    amiss = [each for each in found if each.standing in changes.AMISS]
    for each in found if everything else amiss:
        since = each.began_at.isoformat(timespec="seconds")
        record = f" ({each.record})" if each.record else ""
        typer.echo(
            f"{each.standing.value:<15} {each.part.value} {each.version} in {each.component} since {since}{record}"
        )
    if amiss:
        typer.echo("Register each with registerChange as an emergency, and have a second person look at it.")
        typer.echo("A MODEL or an AGENT: with an assessment. In production it does nothing until that is approved.")
        raise typer.Exit(1)
    typer.echo(f"{len(found)} versions ran here, and each stands in the register.")


@contextmanager
def _opened(home: Path | None) -> Iterator["House"]:
    settings = settings_of(home=home)
    from muniment.homes import prepare
    from muniment.house import open_house

    prepare(settings)
    with told(), open_house(settings) as house:
        yield house
