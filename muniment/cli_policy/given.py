"""What the commands of the workbench are given: a policy, scenarios, a database; and how they leave without them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

File = Annotated[Path | None, typer.Argument(help="The policy. Default: policy.polar.", show_default=False)]
Policy = Annotated[Path | None, typer.Option("--policy", help="The policy. Default: policy.polar.", show_default=False)]
Folder = Annotated[
    Path | None, typer.Option("--scenarios", help="The scenarios. Default: policies/scenarios.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: one JSON document on standard output.")]
Live = Annotated[
    bool, typer.Option("--live", help="Look at this installation's database, not at the scenarios' world.")
]
Home = Annotated[
    Path | None, typer.Option(help="Directory that holds data/ and keys/. Default: var.", show_default=False)
]


def policy_file(file: Path | None, home: Path | None = None) -> Path:
    """`file`, or the policy that the settings name; leaves with 2 if they can't be used."""
    if file is not None:
        return file
    found: Path = settings(home).policy_file
    return found


def settings(home: Path | None = None) -> Any:
    """This installation's settings; leaves with 2 if they can't be used."""
    from muniment.variables import SettingsError, load

    try:
        return load(home=home) if home else load()
    except SettingsError as error:
        give_up(*error.sentences, code=2)


def looked_over(file: Path | None) -> Any:
    """The policy, loaded, with its text as a tree; its problems and exit 1 if it can't be loaded."""
    from policies.workbench import checking, problems

    found = checking.check(policy_file(file))
    if found.policy is None:
        give_up(*(problems.told(problem, found.source, found.file) for problem in found.problems))
    return found


def scenarios(folder: Path | None) -> Any:
    """The scenarios; file:line and exit 1 if they can't be run."""
    from policies.workbench.scenarios import FOLDER, ScenarioError, load

    try:
        return load(folder or FOLDER)
    except ScenarioError as problem:
        give_up(str(problem))


@contextmanager
def live_database(home: Path | None) -> Iterator[Any]:
    """A session that only reads this installation's database."""
    from storage.database import DatabaseUnreachable, open_engine, transaction

    engine = open_engine(settings(home).database_url)
    try:
        with transaction(engine, read_only=True) as session:
            yield session
    except DatabaseUnreachable:
        give_up("The database does not answer, or has no tables yet: look at MUNIMENT_DATABASE_URL, or --home.")
    finally:
        engine.dispose()


@contextmanager
def said_clearly() -> Iterator[None]:
    """Leave with 2 and a sentence where an argument names nothing there is."""
    from policies.workbench.casts import Unclear

    try:
        yield
    except Unclear as problem:
        give_up(str(problem), code=2)


def print_json(data: Any) -> None:
    """`data` for a program."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def give_up(*sentences: str, code: int = 1) -> NoReturn:
    """Say why on standard error, and leave."""
    for sentence in sentences:
        typer.echo(sentence, err=True)
    raise typer.Exit(code)
