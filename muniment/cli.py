"""The command line: thin commands that read settings, open what they need, and call one use case.

Imports of the work itself stand inside the commands, so that `--help` answers at once.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from muniment import (
    cli_audit,
    cli_backup,
    cli_changes,
    cli_evidence,
    cli_incidents,
    cli_keys,
    cli_lockdown,
    cli_policy,
    cli_quotas,
    cli_services,
    cli_staff,
    garbage,
    loading,
)
from muniment.cli_words import Home, give_up, settings_of, told

app = typer.Typer(
    name="muniment",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks quote messages and locals
    help="The backend that AI platforms for creative work build on.",
)
export = typer.Typer(no_args_is_help=True, help="The copy of everything that a contributor takes out.")
deletion = typer.Typer(no_args_is_help=True, help="What was destroyed, and the certificate that says so.")
database = typer.Typer(no_args_is_help=True, help="PostgreSQL, as whoever owns the tables sets it up.")
schema = typer.Typer(no_args_is_help=True, help="The API as clients see it.")
groups = {
    "keys": cli_keys.app,
    "staff": cli_staff.app,
    "policy": cli_policy.app,
    "export": export,
    "deletion": deletion,
    "schema": schema,
    "audit": cli_audit.app,
    "services": cli_services.app,
    "evidence": cli_evidence.app,
    "controls": cli_evidence.controls,
    "backup": cli_backup.app,
    "database": database,
    "detect": cli_incidents.detect,
    "incident": cli_incidents.incident,
    "lockdown": cli_lockdown.app,
    "changes": cli_changes.app,
    "quota": cli_quotas.app,
}
for name, group in groups.items():
    app.add_typer(group, name=name)
app.command()(cli_backup.restore)


def main() -> None:
    """Run the command line. Exit 0: done; 1: it did not work, said why; 2: the settings or arguments can't be used."""
    with loading.methods_deferred():
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
    with garbage.left_alone():
        settings = settings_of(home=home, host=host, port=port, worker=agents, policy_watch=watch)
        from muniment import serve as serving
        from muniment.app import create
        from muniment.homes import claimed

        with told(), claimed(settings):
            serving.demand_free_port(settings.host, settings.port)
            application = create(settings)
            garbage.keep()
            serving.serve(application, settings)


@app.command()
def work(home: Home = None) -> None:
    """Run the agents alone, beside servers started with --no-worker. Needs PostgreSQL."""
    with garbage.left_alone():
        settings = settings_of(home=home)
        from muniment.homes import claimed
        from muniment.work import run

        with told(), claimed(settings):
            garbage.keep()
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
    settings = settings_of(home=home)
    missing = [file for file in files or [] if not file.is_file()]
    if missing:
        give_up("There is no file " + ", ".join(str(file) for file in missing) + ".", code=2)
    from muniment.demo import play

    raise typer.Exit(play(url or settings.public_url, files or [], settings))


@app.command()
def doctor(home: Home = None) -> None:
    """Look over this installation: versions, places, keys and what wraps them. Exit 1 if something is amiss."""
    settings = settings_of(home=home)
    from muniment.doctor import examine

    findings = examine(settings)
    for finding in sorted(findings, key=lambda each: not each.good):
        typer.echo(f"{'ok ' if finding.good else 'BAD'}  {finding.about}: {finding.text}")
    bad = sum(not finding.good for finding in findings)
    typer.echo(f"{bad} of {len(findings)} findings are bad." if bad else f"All {len(findings)} findings are good.")
    raise typer.Exit(1 if bad else 0)


@app.command()
def scrub(home: Home = None) -> None:
    """Try whether every sealed value and every segment of every file still opens. Exit 1 if something does not."""
    settings = settings_of(home=home)
    from muniment.scrubs import scrub as run

    with told():
        lines, good = run(settings)
    for line in lines:
        typer.echo(line)
    raise typer.Exit(0 if good else 1)


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="Archives that requestExport made.", exists=True, dir_okay=False)],
    email: Annotated[str, typer.Option(help="Whose account takes them in: a contributor who has registered here.")],
    vkey: Annotated[
        str | None, typer.Option(help="Verifier key of the server that made them (its /ledger/vkey). Default: ours.")
    ] = None,
    identity: Annotated[
        Path | None, typer.Option(help="File with the secret key, for encrypted ones.", exists=True, dir_okay=False)
    ] = None,
    most_bytes: Annotated[int, typer.Option(help="The most an archive may unpack to.")] = 64 * 1024**3,
    home: Home = None,
) -> None:
    """Take in what an export holds: projects, assets with their files, prompts, outputs, and their ties."""
    settings = settings_of(home=home)
    from muniment.imports import Trust, import_archives

    trust = Trust(
        vkey, None if identity is None else identity.read_text(encoding="utf-8", errors="replace"), most_bytes
    )
    with told():
        for line in import_archives(settings, files, email, trust):
            typer.echo(line)


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


@deletion.command("verify")
def deletion_verify(
    file: Annotated[Path, typer.Argument(help="The certificate, as the API answered it.", exists=True, dir_okay=False)],
    vkey: Annotated[str | None, typer.Option(help="The server's verifier key, as /ledger/vkey shows it.")] = None,
) -> None:
    """Check a deletion certificate offline: signed, unchanged, and about what it says."""
    from storage.certificates.verifying import verify

    report = verify(file, vkey)
    for line in report.lines:
        typer.echo(line)
    raise typer.Exit(report.exit_code)


@schema.command("print")
def schema_print() -> None:
    """Print schema.graphql as the code makes it."""
    from schema.api import sdl

    typer.echo(sdl(), nl=False)


@database.command("upgrade")
def database_upgrade(
    home: Home = None,
    grant_api: Annotated[
        str | None, typer.Option(help="Grant this login what servers do. With --grant-agents.")
    ] = None,
    grant_agents: Annotated[str | None, typer.Option(help="Grant this login what the agents do.")] = None,
) -> None:
    """Lay out the tables, or bring them up to date, as their owner: what every start does, where its login may."""
    settings = settings_of(home=home)
    from muniment.homes import prepare
    from storage import migrations, privileges, queue
    from storage.database import open_engine

    if (grant_api is None) != (grant_agents is None):
        give_up("--grant-api and --grant-agents go together: say both, or neither.", code=2)
    logins = (grant_api, grant_agents) if grant_api and grant_agents else None
    if logins and settings.database_url.startswith("sqlite"):
        give_up("SQLite has no logins to grant anything: leave --grant-api and --grant-agents out.", code=2)
    prepare(settings)
    engine = open_engine(settings.database_url)
    try:
        with told():
            migrations.upgrade(engine)
            queue.prepare(engine)
        if logins:
            privileges.grant(engine, *logins, timedelta(days=settings.audit_days))
    except privileges.RoleRefused as error:
        give_up(f"{error}.".capitalize())
    finally:
        engine.dispose()
    typer.echo(f"The tables are as revision {migrations.newest()} has them.")


@database.command("grants")
def database_grants(
    api: Annotated[str, typer.Option(help="The login of servers (serve --no-worker).")],
    agents: Annotated[str, typer.Option(help="The login of the agents (work).")],
    audit_days: Annotated[
        float, typer.Option(help="How old entries of the audit log are before the agents may remove them.")
    ] = 365,
) -> None:
    """Print the SQL that gives each component what it does and no more; the owner of the tables runs it."""
    from storage import privileges, row_checks

    try:
        found = list(privileges.statements(api, agents, timedelta(days=audit_days)))
    except privileges.RoleRefused as error:
        give_up(f"{error}.".capitalize(), code=2)
    for table, condition in row_checks.conditions().items():
        found.extend(row_checks.statements(table, condition))
    for statement in found:
        typer.echo(f"{statement};")
