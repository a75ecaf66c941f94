"""`evidence`: whether controls hold here, and what an auditor asks for. It is the operator's own, and no opinion."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.cli_words import Home, give_up, settings_of, told

if TYPE_CHECKING:
    from storage.populations.gathering import Period

app = typer.Typer(no_args_is_help=True, help="What shows that controls hold: checks, and what auditors ask for.")
controls = typer.Typer(no_args_is_help=True, help="The controls, and whether each holds in this installation.")

Named = Annotated[str, typer.Argument(help="The population, such as deletions: see docs/operations/evidence.md.")]
From = Annotated[str, typer.Option("--from", help="Its beginning: 2026-01-01, in UTC where no zone is said.")]
To = Annotated[str | None, typer.Option("--to", help="Its end, which is not in it. Default: now.", show_default=False)]
Size = Annotated[int | None, typer.Option("--sample", help="How many to draw.", min=1, max=1000, show_default=False)]
Seed = Annotated[int, typer.Option(help="The number to draw by.")]
Out = Annotated[
    Path | None, typer.Option(help="A directory for the two files. Default: standard output.", show_default=False)
]


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


@app.command("population")
def population(
    name: Named, start: From, end: To = None, sample: Size = None, seed: Seed = 0, out: Out = None, home: Home = None
) -> None:
    """Everything of a kind in a period, or with --sample so many of it, in its envelope."""
    _hand_out(name, start, end, None if sample is None else (sample, seed), out, home)


@app.command("sample")
def sample(
    name: Named,
    start: From,
    end: To = None,
    size: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 25,
    seed: Seed = 0,
    out: Out = None,
    home: Home = None,
) -> None:
    """So many of a population, drawn by a number: the same number always draws the same."""
    _hand_out(name, start, end, (size, seed), out, home)


@app.command("pack")
def pack(
    file: Annotated[Path, typer.Argument(help="The ZIP to write.")], start: From, end: To = None, home: Home = None
) -> None:
    """Every population of a period, the controls, and what checks find now, in one signed ZIP for `evidence verify`."""
    settings = settings_of(home=home)
    from muniment import evidence
    from muniment.homes import prepare

    prepare(settings)
    with told():
        try:
            packed = evidence.pack(settings, file, _period(start, end))
        except OSError as error:
            give_up(str(error), code=2)
    missing = f" Nothing records: {', '.join(packed.unavailable)}." if packed.unavailable else ""
    typer.echo(f"{packed.lists} populations are in {file.name}.{missing}")
    if packed.failed:
        typer.echo(f"{packed.failed} checks of controls found something amiss; the pack says so.")


@app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="The pack.", exists=True, dir_okay=False)],
    vkey: Annotated[str | None, typer.Option(help="The server's verifier key, as /ledger/vkey shows it.")] = None,
) -> None:
    """Check a pack offline: signed, unchanged, and every list what its envelope says."""
    from storage.evidence.verifying import verify as check_pack

    report = check_pack(file, vkey)
    for line in report.lines:
        typer.echo(line)
    raise typer.Exit(report.exit_code)


def _hand_out(
    name: str, start: str, end: str | None, drawn: tuple[int, int] | None, out: Path | None, home: Path | None
) -> None:
    settings = settings_of(home=home)
    from muniment import evidence
    from muniment.homes import prepare
    from storage.populations.catalogue import PopulationName
    from storage.populations.envelopes import Sample

    known = {each.value for each in PopulationName}
    wanted = name.upper().replace("-", "_")
    if wanted not in known:
        give_up(f"There is no population {name}: {', '.join(sorted(known))}.", code=2)
    prepare(settings)
    with told():
        sample = None if drawn is None else Sample(*drawn)
        found = evidence.collect(settings, PopulationName(wanted), _period(start, end), sample)
    envelope = json.dumps(found.envelope, indent=2, ensure_ascii=False) + "\n"
    if out is None:
        typer.echo(envelope, nl=False, err=True)
        typer.echo(b"".join(found.lines).decode(), nl=False)
    else:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        (out / f"{wanted}.envelope.json").write_text(envelope, encoding="utf-8")
        (out / f"{wanted}.jsonl").write_bytes(b"".join(found.lines))
        typer.echo(f"{len(found.lines)} of {found.envelope['rowCount']} rows are in {out.name}/{wanted}.jsonl.")
    if not found.available:
        give_up(*found.envelope["limitations"])


def _period(start: str, end: str | None) -> "Period":
    from storage.clock import now
    from storage.populations.gathering import Period

    return Period(_moment(start, "--from"), now() if end is None else _moment(end, "--to"))


def _moment(said: str, option: str) -> datetime:
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        give_up(f"{option} is a day or a moment: 2026-01-01, or 2026-01-01T12:00:00+00:00.", code=2)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
