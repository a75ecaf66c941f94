"""`evidence`: whether controls hold here, and what an auditor asks for. It is the operator's own, and no opinion."""

import typer

from muniment.cli_words import Home, settings_of, told

app = typer.Typer(
    no_args_is_help=True, help="What shows that controls hold: checks, findings, and what auditors ask for."
)
controls = typer.Typer(no_args_is_help=True, help="The controls, and whether each holds in this installation.")


@app.command("check")
@controls.command("run")
def check(home: Home = None) -> None:
    """Run every live check now and keep what it finds, with an owner and a date. Exit 1 if anything is amiss."""
    settings = settings_of(home=home)
    from muniment.controls import check as run
    from muniment.homes import prepare
    from muniment.house import open_house

    prepare(settings)
    with told(), open_house(settings) as house:
        results, kept = run(house, settings)
    for each in results:
        typer.echo(f"{'BAD' if each.amiss else 'ok '}  {each.control.id} ({each.check}): {each.text}")
    for finding in kept.opened:
        typer.echo(f"New: {finding.control}, for the {finding.owner}, by {finding.due_at:%Y-%m-%d}.")
    for finding in kept.closed:
        typer.echo(f"Mended: {finding.control}.")
    raise typer.Exit(1 if any(each.amiss for each in results) else 0)
