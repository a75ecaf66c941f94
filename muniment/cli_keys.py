"""`keys`: which there are, and their rotation."""

from typing import Annotated

import typer

from muniment.cli_words import Home, give_up, settings_of, told

app = typer.Typer(no_args_is_help=True, help="The keys that everything is sealed with.")


@app.command("status")
def keys_status(
    home: Home = None,
    shape: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
) -> None:
    """Say which keys there are, how old, and when each is next due. Shows no key, asks no key management service."""
    settings = settings_of(home=home)
    from muniment import keys as inventory

    shapes = {"table": inventory.as_table, "json": inventory.as_json}
    if shape not in shapes:
        give_up(f"There is no format {shape}: table, json.", code=2)
    with told():
        typer.echo(shapes[shape](inventory.status(settings)))


@app.command("rotate")
def keys_rotate(
    home: Home = None,
    keysets: Annotated[
        bool, typer.Option("--keysets", help="For everything sealed, API keys too: seals all of it anew.")
    ] = False,
    lookups: Annotated[
        bool, typer.Option("--lookups", help="For e-mails and words that are searched: hashes all of them anew.")
    ] = False,
    sessions: Annotated[
        bool, typer.Option("--sessions", help="For sessions and tickets; nobody is signed out.")
    ] = False,
    signing: Annotated[
        bool, typer.Option("--signing", help="For the log's signatures; for a while both keys sign.")
    ] = False,
    kek: Annotated[
        str | None, typer.Option(help="Bring every keyset under the key-encryption key at this URI.")
    ] = None,
) -> None:
    """Rotate keys while everything goes on. Stopped anywhere, the same command brings it to its end."""
    settings = settings_of(home=home)
    wanted = {"keysets": keysets, "lookups": lookups, "sessions": sessions, "signing": signing}
    if not any(wanted.values()) and kek is None:
        give_up("Say which keys: --keysets, --lookups, --sessions, --signing, --kek URI.", code=2)
    if kek is not None and kek not in settings.kek_uris:
        give_up(
            "Every process must know that key before keysets lie under it: set MUNIMENT_SECOND_KEK_URI to it wherever"
            " Muniment runs, start those anew one by one, then do this again.",
            code=2,
        )
    from muniment import keys as rotating
    from storage.ledger.events import RotatedKeys

    kinds = [RotatedKeys(name) for name, is_wanted in wanted.items() if is_wanted]
    with told():
        held = sum(rotating.rotate(settings, kinds=kinds, kek=kek, say=typer.echo))
    if held:
        give_up(f"{held} keysets keep their old keys, for something under them does not open: run `doctor`.")
