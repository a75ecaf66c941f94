"""The command line: thin commands that read settings, open what they need, and call one use case.

Imports of the work itself stand inside the commands, so that `--help` answers at once.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from muniment import cli_policy

app = typer.Typer(
    name="muniment",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks quote messages and locals
    help="The backend that AI platforms for creative work build on.",
)
staff = typer.Typer(no_args_is_help=True, help="The people who run the platform.")
export = typer.Typer(no_args_is_help=True, help="The copy of everything that a contributor takes out.")
schema = typer.Typer(no_args_is_help=True, help="The API as clients see it.")
audit = typer.Typer(no_args_is_help=True, help="The audit trail, checked without trusting it.")
keys = typer.Typer(no_args_is_help=True, help="The keys that everything is sealed with.")
groups = {"keys": keys, "staff": staff, "policy": cli_policy.app, "export": export, "schema": schema, "audit": audit}
for name, group in groups.items():
    app.add_typer(group, name=name)

Home = Annotated[
    Path | None, typer.Option(help="Directory that holds data/ and keys/. Default: var.", show_default=False)
]


def main() -> None:
    """Run the command line. Exit 0: done; 1: it did not work, said why; 2: the settings or arguments can't be used."""
    app(prog_name="python -m muniment")


@app.command()
def serve(
    home: Home = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1.", show_default=False)
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. Default: 8000.", show_default=False)] = None,
    worker: Annotated[bool, typer.Option("--worker/--no-worker", help="Run the agents in this process too.")] = True,
    watch_policy: Annotated[
        bool,
        typer.Option("--watch-policy", help="Development: a policy comes into force when it is saved."),
    ] = False,
) -> None:
    """Start the API and, unless told otherwise, the agents."""
    # `--worker` is the default and says nothing; only `--no-worker` overrides a setting.
    agents, watch = None if worker else False, watch_policy or None
    settings = _settings(home=home, host=host, port=port, worker=agents, policy_watch=watch)
    from muniment import serve as serving
    from muniment.app import create
    from muniment.homes import claimed

    with _told(), claimed(settings):
        serving.demand_free_port(settings.host, settings.port)
        serving.serve(create(settings), settings)


@app.command()
def work(home: Home = None) -> None:
    """Run the agents alone, beside servers started with --no-worker. Needs PostgreSQL."""
    settings = _settings(home=home)
    from muniment.homes import claimed
    from muniment.work import run

    with _told(), claimed(settings):
        run(settings)


@app.command()
def demo(
    files: Annotated[
        list[Path] | None, typer.Argument(help="An image and a text to work with. Default: samples.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="The running server. Default: this machine's.", show_default=False)
    ] = None,
    home: Home = None,
) -> None:
    """Play a contributor's whole life against a running server, and say at each step what happened."""
    settings = _settings(home=home)
    missing = [file for file in files or [] if not file.is_file()]
    if missing:
        _give_up("There is no file " + ", ".join(str(file) for file in missing) + ".", code=2)
    from muniment.demo import play

    raise typer.Exit(play(url or settings.public_url, files or [], settings))


@app.command()
def doctor(home: Home = None) -> None:
    """Look over this installation: versions, places, keys and what wraps them. Exit 1 if something is amiss."""
    settings = _settings(home=home)
    from muniment.doctor import examine

    findings = examine(settings)
    for finding in findings:
        typer.echo(f"{'ok ' if finding.good else 'BAD'}  {finding.about}: {finding.text}")
    raise typer.Exit(0 if all(finding.good for finding in findings) else 1)


@app.command()
def scrub(home: Home = None) -> None:
    """Try whether every sealed value and every segment of every file still opens. Exit 1 if something does not."""
    settings = _settings(home=home)
    from muniment.scrubs import scrub as run

    with _told():
        lines, good = run(settings)
    for line in lines:
        typer.echo(line)
    raise typer.Exit(0 if good else 1)


@staff.command("add")
def staff_add(
    email: Annotated[str, typer.Option(help="The address they sign in with.")],
    role: Annotated[list[str], typer.Option(help="auditor, privacy, security, support or sysadmin; may be repeated.")],
    home: Home = None,
) -> None:
    """Open a staff account and show its first password, once. No role opens a contributor's content."""
    settings = _settings(home=home)
    from storage.staff import StaffRole

    unknown = sorted({name.upper() for name in role} - {known.value for known in StaffRole})
    if unknown:
        _give_up(f"There is no role {unknown[0].lower()}: {', '.join(known.lower() for known in StaffRole)}.", code=2)
    from muniment.homes import prepare
    from muniment.house import open_house
    from resolvers import staff as use_case

    prepare(settings)
    with _told(), open_house(settings) as house:
        _, password = use_case.add(house, email, [StaffRole(name.upper()) for name in role])
    typer.echo(f"{email} may now sign in. First password, shown this once: {password}")


@export.command("verify")
def export_verify(
    file: Annotated[Path, typer.Argument(help="The ZIP that was downloaded.", exists=True, dir_okay=False)],
    vkey: Annotated[str | None, typer.Option(help="The server's verifier key, as /ledger/vkey shows it.")] = None,
) -> None:
    """Check an export offline: every file is there, unchanged, and vouched for by the server that made it."""
    from storage.archives.verifying import verify

    report = verify(file, vkey)
    for line in report.lines:
        typer.echo(line)
    raise typer.Exit(report.exit_code)


@audit.command("verify")
def audit_verify(
    source: Annotated[str, typer.Argument(help="A copy (ZIP or directory), a log's address, or one entry's proof.")],
    vkey: Annotated[str | None, typer.Option(help="The log's verifier key, from somewhere else than the log.")] = None,
    old: Annotated[Path | None, typer.Option(help="A checkpoint you kept: nothing before it may have changed.")] = None,
    leaf: Annotated[Path | None, typer.Option(help="With a proof: a file with the entry, as it was hashed.")] = None,
) -> None:
    """Check the audit trail offline, with its public key alone. Exit 1 names the first entry that is not right."""
    from muniment.auditing import check

    report = check(source, vkey, old, leaf)
    for line in report.lines:
        typer.echo(line)
    raise typer.Exit(1 if report.problems else 0)


@audit.command("export")
def audit_export(
    file: Annotated[Path, typer.Argument(help="The file to write; with --format ocsf also - for standard output.")],
    form: Annotated[
        str, typer.Option("--format", help="log: a ZIP for `audit verify`. ocsf: events for a SIEM.")
    ] = "log",
    after: Annotated[int, typer.Option(help="With ocsf: how many entries you have already.", min=0)] = 0,
    home: Home = None,
) -> None:
    """Write a copy of the whole log, for `audit verify`; or its entries as OCSF 1.8.0 events, one JSON per line."""
    if form not in ("log", "ocsf"):
        _give_up("There are two formats: log, ocsf.", code=2)
    settings = _settings(home=home)
    from muniment import auditing

    with _told():
        if form == "log":
            count = auditing.export(settings, file)
            typer.echo(f"{count} entries, and what anybody needs to check them, are in {file.name}.")
            return
        with nullcontext(sys.stdout) if str(file) == "-" else file.open("w", encoding="utf-8") as out:
            end = auditing.export_events(settings, out.write, after)
    typer.echo(
        f"Entries {after} to {end - 1} written. Go on with --after {end}." if end > after else "Nothing new.", err=True
    )


@audit.command("show")
def audit_show(
    action: Annotated[str | None, typer.Option(help="Only this action, such as export.downloaded.")] = None,
    last: Annotated[int, typer.Option(help="How many entries.", min=1, max=100)] = 50,
    token: Annotated[
        bool, typer.Option("--token", help="Read a session token or API key from standard input.")
    ] = False,
    home: Home = None,
) -> None:
    """Print the trail for people, newest first: with --token its bearer's own, else everybody's and without names."""
    settings = _settings(home=home)
    from muniment.auditing import show

    given = typer.get_text_stream("stdin").readline().strip() if token else None
    with _told():
        for line in show(settings, given, action, last):
            typer.echo(line)


@keys.command("status")
def keys_status(
    home: Home = None,
    shape: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
) -> None:
    """Say which keys there are, how old, and when each is next due. Shows no key, asks no key management service."""
    settings = _settings(home=home)
    from muniment import keys as inventory

    shapes = {"table": inventory.as_table, "json": inventory.as_json}
    if shape not in shapes:
        _give_up(f"There is no format {shape}: table, json.", code=2)
    with _told():
        typer.echo(shapes[shape](inventory.status(settings)))


@keys.command("rotate")
def keys_rotate(
    home: Home = None,
    keysets: Annotated[
        bool, typer.Option("--keysets", help="New keys for all keysets; seals everything anew.")
    ] = False,
    kek: Annotated[
        str | None, typer.Option(help="Bring every keyset under the key-encryption key at this URI.")
    ] = None,
) -> None:
    """Rotate keys while everything goes on. Stopped anywhere, the same command brings it to its end."""
    settings = _settings(home=home)
    if not keysets and kek is None:
        _give_up("Say which keys: --keysets, --kek URI.", code=2)
    if kek is not None and kek not in settings.kek_uris:
        _give_up(
            "Every process must know that key before keysets lie under it: set MUNIMENT_SECOND_KEK_URI to it wherever"
            " Muniment runs, start those anew one by one, then do this again.",
            code=2,
        )
    from muniment import keys as rotating

    with _told():
        held = sum(rotating.rotate(settings, keysets=keysets, kek=kek, say=typer.echo))
    if held:
        _give_up(f"{held} keysets keep their old keys, for something under them does not open: run `doctor`.")


@schema.command("print")
def schema_print() -> None:
    """Print schema.graphql as the code makes it."""
    from schema.api import sdl

    typer.echo(sdl(), nl=False)


def _settings(**overrides: Any) -> Any:
    """This process's settings, with its logging taken over; leaves with code 2 if they can't be used."""
    from muniment import logs
    from muniment.settings import SettingsError, load

    try:
        settings = load(**overrides)
    except SettingsError as error:
        _give_up(*error.sentences, code=2)
    logs.configure(production=settings.production)
    return settings


@contextmanager
def _told() -> Iterator[None]:
    """Turn what an operator can mend into its sentence and leave. Anything else is a fault, told by its frames."""
    from muniment.homes import HomeInUse
    from muniment.serve import CannotServe
    from policies.errors import PolicyError
    from resolvers.errors import CodedError
    from storage.database import DatabaseUnreachable
    from storage.keys.errors import KeyStoreError
    from storage.ledger.copies import NothingPublished
    from storage.ledger.tree import LedgerDamaged

    try:
        yield
    except DatabaseUnreachable:
        _give_up("The database does not answer, or does not let us in: look at MUNIMENT_DATABASE_URL.")
    except (HomeInUse, CannotServe, PolicyError, CodedError, KeyStoreError, NothingPublished, LedgerDamaged) as error:
        _give_up(str(error))


def _give_up(*sentences: str, code: int = 1) -> NoReturn:
    for sentence in sentences:
        typer.echo(sentence, err=True)
    raise typer.Exit(code)
