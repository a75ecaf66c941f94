"""For whoever writes the policy: is it sound, does it decide as written down, is all of it tried, what does it give."""

import enum
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from muniment.cli_policy import given


class Form(enum.StrEnum):
    """How findings are told."""

    TEXT = "text"
    JSON = "json"


def check(
    file: given.File = None,
    form: Annotated[Form, typer.Option("--format", help="For a person, or for an editor.")] = Form.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Look a policy over: names, kinds, what SQL can't decide, rules that do nothing. Exit 1 if there is a finding."""
    from policies.workbench import checking, problems

    found = checking.check(given.policy_file(file))
    if as_json or form is Form.JSON:
        given.print_json([problems.as_data(problem, found.source, found.file) for problem in found.problems])
    else:
        for problem in found.problems:
            typer.echo(problems.told(problem, found.source, found.file) + "\n", err=True)
        if found.policy:
            typer.echo(f"{found.file} holds together (version {found.policy.version}).")
    raise typer.Exit(1 if found.problems else 0)


def test(
    policy: given.Policy = None,
    scenarios: given.Folder = None,
    junit: Annotated[Path | None, typer.Option(help="Write the results to this file, as JUnit does.")] = None,
    as_json: given.AsJson = False,
) -> None:
    """Try the scenarios: what the door decides against what their tables say. Exit 1 if a line of them differs."""
    from policies.workbench import reports, trials

    results = trials.run(given.looked_over(policy).policy, given.scenarios(scenarios))
    if junit:
        junit.write_text(reports.junit(results), encoding="utf-8")
    if as_json:
        given.print_json([reports.as_data(trial) for trial in results])
    else:
        typer.echo(reports.told(results))
    raise typer.Exit(0 if all(trial.holds for trial in results) else 1)


def coverage(policy: given.Policy = None, scenarios: given.Folder = None, as_json: given.AsJson = False) -> None:
    """Which rules and conditions the scenarios would not miss. Exit 1 if there are any."""
    from policies.workbench import coverage as covering

    looked = given.looked_over(policy)
    found = covering.coverage(looked.document, given.scenarios(scenarios))
    if as_json:
        given.print_json(covering.as_data(found, looked.document, looked.file))
    else:
        typer.echo(covering.told(found, looked.document, looked.file))
    raise typer.Exit(1 if found.missed else 0)


def matrix(
    policy: given.Policy = None,
    compare: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if the page is behind.")] = False,
    as_json: given.AsJson = False,
) -> None:
    """Write docs/access-matrix.md: every role, what it may do with which rows, and the fields it sees."""
    from policies.workbench import matrices, matrix_pages

    found = given.looked_over(policy)
    resources = matrices.matrix(found.policy)
    wanted = matrix_pages.page(resources, found.document)
    if as_json:
        given.print_json([asdict(resource) for resource in resources])
    elif not compare:
        matrix_pages.PAGE.write_text(wanted, encoding="utf-8")
        typer.echo("docs/access-matrix.md is as the policy says.")
    elif not matrix_pages.PAGE.exists() or matrix_pages.PAGE.read_text(encoding="utf-8") != wanted:
        given.give_up("docs/access-matrix.md is behind the policy: run `python -m muniment policy matrix`.")


def mutants(
    policy: given.Policy = None,
    scenarios: given.Folder = None,
    compare: Annotated[bool, typer.Option("--check", help="Write no page.")] = False,
    as_json: given.AsJson = False,
) -> None:
    """Change the policy in every small way and see whether the scenarios notice. Exit 1 if one is missed.

    Writes docs/policy-mutants.md. It takes a minute or two.
    """
    from policies.workbench import mutation, mutation_pages

    looked = given.looked_over(policy)
    try:
        known = mutation.load()
    except mutation.EquivalentsError as problem:
        given.give_up(str(problem))
    found = mutation.score(looked.document, given.scenarios(scenarios), known)
    if as_json:
        given.print_json(mutation.as_data(found, looked.file))
    else:
        typer.echo(mutation.told(found, looked.file))
    if found.missed or found.unneeded:
        raise typer.Exit(1)
    if not compare:
        mutation_pages.PAGE.write_text(mutation_pages.page(found), encoding="utf-8")


def watch(
    policy: given.Policy = None,
    scenarios: given.Folder = None,
    times: Annotated[int, typer.Option(help="Leave after this many rounds; 0: never.", min=0)] = 0,
) -> None:
    """Check and test again whenever the policy or a scenario is saved. Ctrl-C ends it.

    To see a change through the API as well, run `python -m muniment serve --watch-policy` beside this.
    """
    from policies.workbench import watching
    from policies.workbench.scenarios import FOLDER

    file, folder = given.policy_file(policy), scenarios or FOLDER
    try:
        for number, changed in enumerate(watching.rounds(file, folder), 1):
            typer.echo(f"— {', '.join(path.name for path in changed[:3])}{' …' if len(changed) > 3 else ''}")
            typer.echo(watching.look(file, folder))
            if number == times:
                return
    except KeyboardInterrupt:
        return
