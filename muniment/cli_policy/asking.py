"""For whoever asks what the policy does: why somebody may, what a change gives, what the database is asked."""

from pathlib import Path
from typing import Annotated, Any

import typer

from muniment.cli_policy import given

Who = Annotated[
    str, typer.Option("--as", help="Who asks: a name of the scenarios' world, or contributor:ID and the like.")
]
Action = Annotated[str, typer.Option("--action", help="What they want to do: read, delete, …")]


def explain(
    who: Who,
    action: Action,
    thing: Annotated[
        str, typer.Option("--on", help="With what: a name of that world; a kind, with --with; Kind:ID, live.")
    ],
    values: Annotated[list[str] | None, typer.Option("--with", help="Describe the row: owner=ada. Repeatable.")] = None,
    policy: given.Policy = None,
    scenarios: given.Folder = None,
    live: given.Live = False,
    home: given.Home = None,
    as_json: given.AsJson = False,
) -> None:
    """Say by which rules somebody may do something, or where each rule stopped. Exit 0 if they may, 1 if not."""
    from dataclasses import asdict

    from policies.workbench import explaining, naming
    from policies.workbench.samples import sample

    wanted = _action(action)
    found = given.looked_over(policy).policy
    world = given.scenarios(scenarios).world
    with given.said_clearly():
        principal = naming.somebody(who, world)
        pairs = dict(_pair(each) for each in values or ())
        if live:
            with given.live_database(home) as session:
                about = naming.stored(thing, session)
                explanation = explaining.explain(found, principal, wanted, about, session)
        else:
            about = naming.described(thing, pairs, world) if pairs else naming.something(thing, world)
            with sample(world) as session:
                explanation = explaining.explain(found, principal, wanted, about, session, world.names())
    if as_json:
        given.print_json(asdict(explanation))
    else:
        typer.echo(explaining.told(explanation, who, naming.DESCRIBED if pairs else thing, found.name))
    raise typer.Exit(0 if explanation.allowed else 1)


def diff(
    old: Annotated[Path, typer.Argument(help="The policy before; - reads it from standard input.")],
    new: given.File = None,
    approvals: Annotated[
        Path | None, typer.Option(help="Gains that are approved. Default: policies/approvals.yaml.", show_default=False)
    ] = None,
    scenarios: given.Folder = None,
    live: given.Live = False,
    home: given.Home = None,
    as_json: given.AsJson = False,
) -> None:
    """Say what each role gains and loses by a change of the policy. Exit 1 on a gain that no approval names."""
    from policies.workbench import approvals as approving
    from policies.workbench import differences, gains
    from policies.workbench.matrices import ROLES
    from policies.workbench.samples import sample
    from policies.workbench.trials import names_of

    before, after = given.looked_over(old), given.looked_over(new)
    try:
        approved = approving.load(approvals or approving.FILE)
    except approving.ApprovalError as problem:
        given.give_up(str(problem))
    if live:
        with given.live_database(home) as session:
            people = differences.synthetic(session, ROLES.values())
            found = differences.differences(before.policy, after.policy, session, people, {})
    else:
        world = given.scenarios(scenarios).world
        with sample(world) as session:
            found = differences.differences(before.policy, after.policy, session, world.people, names_of(world))
    if as_json:
        given.print_json([gains.as_data(each, approved) for each in found])
    else:
        typer.echo(gains.told(found, approved))
    raise typer.Exit(1 if gains.unapproved(found, approved) else 0)


def sql(
    who: Who,
    model: Annotated[str, typer.Option("--on", help="Which rows: Asset, Project, …")],
    action: Action = "read",
    dialect: Annotated[
        str, typer.Option(help="sqlite or postgresql. A query plan comes with --live, or with sqlite.")
    ] = "sqlite",
    policy: given.Policy = None,
    scenarios: given.Folder = None,
    live: given.Live = False,
    home: given.Home = None,
) -> None:
    """Show the statement behind somebody's list, and how the database would go about it."""
    from policies.workbench import listings, naming
    from policies.workbench.samples import sample

    wanted = _action(action)
    if dialect not in listings.DIALECTS:
        given.give_up(f"“{dialect}” is none of {', '.join(listings.DIALECTS)}.", code=2)
    found = given.looked_over(policy).policy
    world = given.scenarios(scenarios).world
    with given.said_clearly():
        asked = found, naming.somebody(who, world), naming.given_out(model), wanted
    if not live:
        listing = listings.statement(*asked, dialect)
        typer.echo(listings.told(listing, listings.DIALECTS[dialect]))
        if dialect == "sqlite":
            with sample(world) as session:
                _show_plan(listings.query_plan(listing, session))
        return
    with given.live_database(home) as session:
        its = session.connection().dialect
        listing = listings.statement(*asked, its.name)
        typer.echo(listings.told(listing, its))
        _show_plan(listings.query_plan(listing, session))


def _show_plan(plan: Any) -> None:
    from policies.workbench import listings

    steps = list(plan)
    typer.echo("\nThe database would:")
    for step in steps:
        typer.echo(f"  {step}")
    for told in listings.advice(steps):
        typer.echo(f"\n{told}")


def _action(said: str) -> Any:
    from policies.actions import Action as Known

    if said not in set(Known):
        given.give_up(f"“{said}” is no action: {', '.join(Known)}.", code=2)
    return Known(said)


def _pair(said: str) -> tuple[str, Any]:
    name, sign, value = said.partition("=")
    if not sign:
        given.give_up(f"“{said}” describes nothing: write column=value.", code=2)
    return name, None if value == "" else value
