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
        bool, typer.Option("--keysets", help="New keys for all keysets; seals everything anew.")
    ] = False,
    kek: Annotated[
        str | None, typer.Option(help="Bring every keyset under the key-encryption key at this URI.")
    ] = None,
) -> None:
    """Rotate keys while everything goes on. Stopped anywhere, the same command brings it to its end."""
    settings = settings_of(home=home)
    if not keysets and kek is None:
        give_up("Say which keys: --keysets, --kek URI.", code=2)
    if kek is not None and kek not in settings.kek_uris:
        give_up(
            "Every process must know that key before keysets lie under it: set MUNIMENT_SECOND_KEK_URI to it wherever"
            " Muniment runs, start those anew one by one, then do this again.",
            code=2,
        )
    from muniment import keys as rotating

    with told():
        held = sum(rotating.rotate(settings, keysets=keysets, kek=kek, say=typer.echo))
    if held:
        give_up(f"{held} keysets keep their old keys, for something under them does not open: run `doctor`.")
