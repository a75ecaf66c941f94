"""The command line of the policy author's workbench: `python -m muniment policy …`.

Exit 0: everything holds. 1: it does not, and was said why. 2: the arguments can't be used.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

app = typer.Typer(no_args_is_help=True, help="Who may do what: policy.polar, and the workbench for those who write it.")

File = Annotated[Path | None, typer.Argument(help="The policy. Default: policy.polar.", show_default=False)]
Policy = Annotated[Path | None, typer.Option("--policy", help="The policy. Default: policy.polar.", show_default=False)]
Folder = Annotated[
    Path | None, typer.Option("--scenarios", help="The scenarios. Default: policies/scenarios.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: one JSON document on standard output.")]


@app.command()
def check(file: File = None, as_json: AsJson = False) -> None:
    """Look a policy over: names, kinds, what SQL can't decide, rules that do nothing. Exit 1 if there is a finding."""
    from policies.workbench import checking, problems

    found = checking.check(file or _configured())
    if as_json:
        _print([problems.as_data(problem, found.source, found.file) for problem in found.problems])
    else:
        for problem in found.problems:
            typer.echo(problems.told(problem, found.source, found.file) + "\n", err=True)
        if found.policy:
            typer.echo(f"{found.file} holds together (version {found.policy.version}).")
    raise typer.Exit(1 if found.problems else 0)


@app.command()
def test(
    policy: Policy = None,
    scenarios: Folder = None,
    junit: Annotated[Path | None, typer.Option(help="Write the results to this file, as JUnit does.")] = None,
    as_json: AsJson = False,
) -> None:
    """Try the scenarios: what the door decides against what their tables say. Exit 1 if a line of them differs."""
    from policies.workbench import reports, trials

    results = trials.run(_loaded(policy), _scenarios(scenarios))
    if junit:
        junit.write_text(reports.junit(results), encoding="utf-8")
    if as_json:
        _print([reports.as_data(trial) for trial in results])
    else:
        typer.echo(reports.told(results))
    raise typer.Exit(0 if all(trial.holds for trial in results) else 1)


@app.command()
def matrix(
    policy: Policy = None,
    compare: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if the page is behind.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write docs/access-matrix.md: every role, what it may do with which rows, and the fields it sees."""
    from policies.workbench import matrices, matrix_pages

    found = _looked_over(policy)
    resources = matrices.matrix(found.policy)
    if as_json:
        _print([asdict(resource) for resource in resources])
        return
    wanted = matrix_pages.page(resources, found.document)
    if not compare:
        matrix_pages.PAGE.write_text(wanted, encoding="utf-8")
    elif matrix_pages.PAGE.read_text(encoding="utf-8") != wanted:
        _give_up("docs/access-matrix.md is behind the policy: run `python -m muniment policy matrix`.")


def _configured() -> Path:
    """The policy that this installation's settings name."""
    from muniment.settings import SettingsError, load

    try:
        return load().policy_file
    except SettingsError as error:
        _give_up(*error.sentences, code=2)


def _loaded(file: Path | None) -> Any:
    """The policy in `file`; its problems and exit 1 if it can't be loaded."""
    return _looked_over(file).policy


def _looked_over(file: Path | None) -> Any:
    """The policy in `file` with its text as a tree; its problems and exit 1 if it can't be loaded."""
    from policies.workbench import checking, problems

    found = checking.check(file or _configured())
    if found.policy is None:
        _give_up(*(problems.told(problem, found.source, found.file) for problem in found.problems))
    return found


def _scenarios(folder: Path | None) -> Any:
    from policies.workbench import scenarios

    try:
        return scenarios.load(folder or scenarios.FOLDER)
    except scenarios.ScenarioError as problem:
        _give_up(str(problem))


def _print(data: Any) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def _give_up(*sentences: str, code: int = 1) -> NoReturn:
    for sentence in sentences:
        typer.echo(sentence, err=True)
    raise typer.Exit(code)
