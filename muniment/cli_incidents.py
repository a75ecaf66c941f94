"""`detect` and `incident`: whether the sentinel works, and how fast."""

from typing import Annotated

import typer

from muniment.cli_words import Home, give_up, settings_of, told

detect = typer.Typer(no_args_is_help=True, help="The detections over the audit trail: whether each works.")
incident = typer.Typer(no_args_is_help=True, help="Incidents, and the drill that shows how they go.")


@detect.command("selftest")
def selftest() -> None:
    """Try every detection on its own fixtures: it fires on the one, and is quiet on the others. Exit 1 if not."""
    from agents.sentinel.fixtures import selftest as run

    found = run()
    for each in found:
        typer.echo(f"{'ok ' if each.good else 'BAD'}  {each.id}  {each.text}")
    raise typer.Exit(0 if all(each.good for each in found) else 1)


@detect.command("status")
def status(
    home: Home = None,
    most: Annotated[int, typer.Option(help="Seconds of silence that are still all right.", min=1)] = 120,
) -> None:
    """Say when the sentinel was last there, and how many entries it is behind. Exit 1 if it was silent too long."""
    settings = settings_of(home=home)
    from muniment.drills import standing
    from muniment.homes import prepare

    prepare(settings)
    with told():
        line, good = standing(settings, most)
    typer.echo(line)
    raise typer.Exit(0 if good else 1)


@detect.command("set-aside")
def set_aside(
    home: Home = None,
    most: Annotated[int, typer.Option(help="How many are shown.", min=1, max=10_000)] = 100,
) -> None:
    """List the items that unattended loops could not process and set aside, by id, with cause and next attempt."""
    settings = settings_of(home=home)
    from muniment.drills import set_aside_lines
    from muniment.homes import prepare

    prepare(settings)
    with told():
        lines = set_aside_lines(settings, most)
    for line in lines or ["Nothing is set aside."]:
        typer.echo(line)


@incident.command("drill")
def drill(
    home: Home = None,
    seconds: Annotated[float, typer.Option(help="How long it may take.", min=1)] = 60,
) -> None:
    """Inject a mass read that nobody made, and print how long it took to find, contain and tell it. Exit 1 if not."""
    settings = settings_of(home=home)
    from agents.sentinel.drilling import DrillFailed
    from muniment.drills import play
    from muniment.homes import prepare

    prepare(settings)
    try:
        with told():
            lines = play(settings, seconds)
    except DrillFailed as failure:
        give_up(str(failure))
    for line in lines:
        typer.echo(line)


@incident.command("metrics")
def metrics(
    home: Home = None,
    months: Annotated[int, typer.Option(help="How many months, this one too.", min=1, max=36)] = 12,
) -> None:
    """Say how incidents went, month by month: how many, how fast people were, and what is still to be done.

    Times are the median and the worst. Drills are not counted, and what turned out to be none is not timed.
    """
    settings = settings_of(home=home)
    from muniment.homes import prepare
    from muniment.incident_metrics import lines

    prepare(settings)
    with told():
        found = lines(settings, months)
    for line in found:
        typer.echo(line)
