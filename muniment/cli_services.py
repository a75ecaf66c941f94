"""`services`: the register of services on the command line, for staff who sign in there as they do elsewhere.

Nobody gets around the second person here: each command acts as whoever signs in, by the policy in force.
"""

import uuid
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any

import typer

from muniment.cli_words import Home, give_up, settings_of, told

app = typer.Typer(no_args_is_help=True, help="The services that work may be sent to, and what is amiss with each.")

By = Annotated[
    str, typer.Option("--by", help="The e-mail of the member of staff who does this; asks for their password.")
]
Named = Annotated[str, typer.Argument(help="The service's id, as `services list` shows it.")]
Said = Annotated[Path, typer.Argument(help="YAML, as docs/operations/services.md shows.", exists=True, dir_okay=False)]


@app.command("list")
def list_all(home: Home = None) -> None:
    """Every service with its versions, and what is amiss. Exit 1 if one that is approved would be sent nothing."""
    from resolvers import services

    settings = settings_of(home=home)
    from muniment.homes import prepare
    from muniment.house import open_house

    prepare(settings)
    with told(), open_house(settings) as house:
        lines = services.overview(house)
    for line in lines:
        typer.echo(line.text)
    raise typer.Exit(0 if all(line.good for line in lines) else 1)


@app.command()
def register(file: Said, by: By, home: Home = None) -> None:
    """Propose a service with these terms. Nothing is sent to it before somebody else approves it."""
    from resolvers import services
    from resolvers.service_terms import Terms
    from storage.services import DataCategory, ServiceKind

    kinds = {"kind": ServiceKind, "categories": DataCategory}
    said = _read(file, Terms.__dataclass_fields__, kinds, optional={"deletion_path"})
    _act(home, by, "register_service", lambda context: services.register(context, Terms(**said)))


@app.command()
def assess(service: Named, file: Said, by: By, home: Home = None) -> None:
    """Enter what was found about a service: risk, assessment, expires_at, assurance, assurance_expires_at."""
    from resolvers import services
    from storage.services import Assurance, Risk

    fields = ("risk", "assessment", "expires_at", "assurance", "assurance_expires_at")
    said = _read(file, fields, {"risk": Risk, "assurance": Assurance})
    said["words"] = said.pop("assessment")
    _act(home, by, "assess_service", lambda context: services.assess(context, _id(service), **said))


@app.command()
def enable(service: Named, by: By, home: Home = None) -> None:
    """Approve what a colleague has proposed. It begins when the notice period is over."""
    from resolvers import services

    _act(home, by, "enable_service", lambda context: services.enable(context, _id(service)))


@app.command()
def disable(service: Named, by: By, home: Home = None) -> None:
    """Retire a service at once, or take a proposal back."""
    from resolvers import services

    _act(home, by, "disable_service", lambda context: services.disable(context, _id(service)))


def _act(home: Path | None, by: str, attempted: str, do: Callable[[Any], Any]) -> None:
    """Do it as the member of staff with this e-mail, once their password is right, and say where the service stands."""
    settings = settings_of(home=home)
    password = typer.prompt(f"Password of {by}", hide_input=True, err=True)
    code = typer.prompt("Second factor (the code that the app shows now)", hide_input=True, err=True)
    from muniment.homes import prepare
    from muniment.house import open_house
    from policies.errors import Refused
    from policies.principals import ANONYMOUS
    from resolvers import sessions
    from resolvers.context import Asking, Context
    from resolvers.factors import Proof

    prepare(settings)
    with told(), open_house(settings) as house:
        context = Context(house, Asking(ANONYMOUS))
        with context.writing("sign_in"):
            sessions.sign_in(context, by, password, Proof(totp=code))
        try:
            with context.writing(attempted):
                row = do(context)
                line = f"{row.id}  {row.address}  {row.status.value}"
        except Refused as refusal:
            give_up(str(refusal))
        finally:
            with context.writing("sign_out"):
                sessions.sign_out(context)
    typer.echo(line)


def _read(file: Path, fields: Any, enums: dict[str, Any], optional: Collection[str] = ()) -> dict[str, Any]:
    """The fields in a file, each as the use case takes it; leaves with code 2 where one is missing or can't be one."""
    import yaml

    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        give_up(f"{file} is not YAML.", code=2)
    if not isinstance(said, dict):
        give_up(f"{file} holds no fields: write `address: api.example.org` and so on.", code=2)
    missing, strange = set(fields) - set(said) - set(optional), {str(each) for each in said} - set(fields)
    if missing or strange:
        give_up(
            *(f"{file} lacks {each}." for each in sorted(missing)),
            *(f"{each} is no field." for each in sorted(strange)),
            code=2,
        )
    return {name: _value(name, said[name], enums.get(name)) for name in fields if name in said}


def _value(name: str, said: Any, kind: Any) -> Any:
    if isinstance(said, date) and not isinstance(said, datetime):
        return datetime.combine(said, time(), UTC)
    if isinstance(said, datetime):
        return said if said.tzinfo else said.replace(tzinfo=UTC)
    if isinstance(said, list):
        return [_value(name, each, kind) for each in said]
    if kind is None:
        return said
    try:
        return kind(str(said).upper())
    except ValueError:
        give_up(f"{name} is one of {', '.join(each.value.lower() for each in kind)}.", code=2)


def _id(given: str) -> uuid.UUID:
    try:
        return uuid.UUID(given)
    except ValueError:
        give_up("That is no id of a service: `services list` shows them.", code=2)
