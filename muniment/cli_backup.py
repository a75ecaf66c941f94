"""`backup` and `restore`: copies of the data and of the keys, apart, and the way back."""

from pathlib import Path
from typing import Annotated

import typer

from muniment.cli_words import Home, give_up, settings_of, told

app = typer.Typer(
    no_args_is_help=True, help="Encrypted copies of the data and of the keys, each in a place of its own."
)

To = Annotated[
    Path | None, typer.Option("--to", help="Directory for backups of the data. Default: MUNIMENT_BACKUP_DIR.")
]
KeysTo = Annotated[
    Path | None, typer.Option("--keys-to", help="Directory for backups of the keys. Default: MUNIMENT_KEY_BACKUP_DIR.")
]
Identity = Annotated[
    Path, typer.Option("--identity", help="File with the secret key that opens them.", exists=True, dir_okay=False)
]
Vkey = Annotated[
    str | None, typer.Option("--vkey", help="Verifier key of the installation (its /ledger/vkey). Default: this one's.")
]


@app.command()
def take(
    to: To = None,
    keys_to: KeysTo = None,
    recipient: Annotated[
        str | None,
        typer.Option(help="Public key (age1…, SSH) they are encrypted to. Default: MUNIMENT_BACKUP_RECIPIENT."),
    ] = None,
    home: Home = None,
) -> None:
    """Take a backup of the data, then of the keys, while everything goes on; remove those whose time is over."""
    settings = settings_of(home=home)
    from muniment import backups
    from muniment.house import open_house

    with told(), open_house(settings) as house:
        for line in backups.take(settings, house, backups.Target.of(settings, to, keys_to, recipient)):
            typer.echo(line)


@app.command("list")
def list_all(to: To = None, keys_to: KeysTo = None, home: Home = None) -> None:
    """The backups that lie there, of when they are, and until when they stay."""
    settings = settings_of(home=home)
    from muniment import backups

    with told():
        lines = backups.overview(settings, to or settings.backup_dir, keys_to or settings.key_backup_dir)
    for line in lines or ["There are none."]:
        typer.echo(line)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="A backup of the data or of the keys.", exists=True, dir_okay=False)],
    identity: Identity,
    vkey: Vkey = None,
    home: Home = None,
) -> None:
    """Read a backup whole, and check its signature and that each sealed file it needs lies beside it."""
    settings = settings_of(home=home)
    from muniment import restores

    with told():
        lines, good = restores.verify(settings, file, _text(identity), vkey)
    for line in lines:
        typer.echo(line)
    raise typer.Exit(0 if good else 1)


def restore(
    data: Annotated[Path, typer.Option(help="The backup of the data.", exists=True, dir_okay=False)],
    identity: Identity,
    keys: Annotated[
        Path | None,
        typer.Option(help="A backup of the keys, taken after it. Default: the key store.", exists=True, dir_okay=False),
    ] = None,
    vkey: Vkey = None,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Restore it aside, open everything, measure, and throw it away.")
    ] = False,
    home: Home = None,
) -> None:
    """Restore a backup into an empty database. Checked whole first; what was deleted since is deleted again."""
    settings = settings_of(home=home)
    from muniment import restores

    source = restores.Source(data, keys, _text(identity), vkey)
    with told():
        if rehearse:
            if not restores.rehearse(settings, source, typer.echo):
                give_up("The rehearsal found something: see above.")
            return
        found = restores.restore(settings, source, typer.echo).findings
    if found:
        give_up("Restored, with something to see to: see above.")
    typer.echo("Restored: start the server.")


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
