"""`audit`: the trail, checked without trusting it, copied, and printed."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from muniment.cli_words import Home, give_up, settings_of, told

app = typer.Typer(no_args_is_help=True, help="The audit trail, checked without trusting it.")


@app.command("verify")
def audit_verify(
    source: Annotated[str, typer.Argument(help="A copy (ZIP or directory), a log's address, or one entry's proof.")],
    vkey: Annotated[str | None, typer.Option(help="The log's verifier key, from somewhere else than the log.")] = None,
    old: Annotated[Path | None, typer.Option(help="A checkpoint you kept: nothing before it may have changed.")] = None,
    leaf: Annotated[Path | None, typer.Option(help="With a proof: a file with the entry, as it was hashed.")] = None,
    policy: Annotated[Path | None, typer.Option(help="Who must have cosigned: a file as of C2SP tlog-policy.")] = None,
    token: Annotated[
        bool, typer.Option("--token", help="Read a token that may read entries from standard input. For an address.")
    ] = False,
) -> None:
    """Check the audit trail offline, with its public key alone. Exit 1 names the first entry that is not right."""
    from muniment.auditing import check

    given = typer.get_text_stream("stdin").readline().strip() if token else None
    report = check(source, vkey, old, leaf, policy, given)
    for line in report.lines:
        typer.echo(line)
    raise typer.Exit(1 if report.problems else 0)


@app.command("export")
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
        give_up("There are two formats: log, ocsf.", code=2)
    settings = settings_of(home=home)
    from muniment import auditing

    with told():
        if form == "log":
            count = auditing.export(settings, file)
            typer.echo(f"{count} entries, and what anybody needs to check them, are in {file.name}.")
            return
        with nullcontext(sys.stdout) if str(file) == "-" else file.open("w", encoding="utf-8") as out:
            end = auditing.export_events(settings, out.write, after)
    typer.echo(
        f"Entries {after} to {end - 1} written. Go on with --after {end}." if end > after else "Nothing new.", err=True
    )


@app.command("siem-token")
def audit_siem_token() -> None:
    """Make a token for a SIEM: it reads /ledger/events. It is shown once; the server's settings hold its SHA-256."""
    from resolvers.identity import new_token
    from resolvers.siem import PREFIX, digest

    token = new_token(PREFIX)
    typer.echo(f"Token, for the SIEM:   {token}")
    typer.echo(f"Setting, for servers:  MUNIMENT_SIEM_TOKEN_SHA256={digest(token)}")


@app.command("reconcile")
def audit_reconcile(home: Home = None) -> None:
    """Count what agents did against what the trail says they did, run by run. Exit 1 names each that differs."""
    settings = settings_of(home=home)
    from muniment.auditing import reconcile

    with told():
        report = reconcile(settings)
    for line in report.lines:
        typer.echo(line)
    raise typer.Exit(1 if report.problems else 0)


@app.command("show")
def audit_show(
    action: Annotated[str | None, typer.Option(help="Only this action, such as export.downloaded.")] = None,
    last: Annotated[int, typer.Option(help="How many entries.", min=1, max=100)] = 50,
    token: Annotated[
        bool, typer.Option("--token", help="Read a session token or API key from standard input.")
    ] = False,
    home: Home = None,
) -> None:
    """Print the trail for people, newest first: with --token its bearer's own, else everybody's and without names."""
    settings = settings_of(home=home)
    from muniment.auditing import show

    given = typer.get_text_stream("stdin").readline().strip() if token else None
    with told():
        for line in show(settings, given, action, last):
            typer.echo(line)
