"""The demo: a contributor's whole life against a running server, told as it happens. Also an example client."""

from pathlib import Path

from muniment.demo import ending, granting, life, record, refusals, searching, taking_out, writing
from muniment.demo.cast import Work, new_word, person
from muniment.demo.client import Client
from muniment.demo.disk import Home, home_of
from muniment.demo.stage import Stage, StepFailed, demand
from muniment.settings import Settings


def play(url: str, files: list[Path], settings: Settings) -> int:
    """Play it against the server at `url` with `files`, or with samples of our own.

    Answers 0 if every step did what it should, else 1, having said what was expected, what came, and what to do.
    Where `settings` speak of the very home that this server runs from, staff play too and the disk is looked through.
    """
    stage = Stage()
    with Client.at(url) as client:
        stage.title(f"A contributor's whole life with Muniment, at {client.url}")
        if not client.is_answered():
            stage.say("No server answers there: start it with `make run`, then play the demo again.", indent=0)
            return 1
        try:
            vkey = _find_server(stage, client)
            with home_of(settings, vkey) as home:
                _play(stage, client, files, home, vkey)
        except StepFailed as error:
            stage.failed(error)
            return 1
    return 0


def _find_server(stage: Stage, client: Client) -> str:
    """See that it is Muniment and ready; answers the key with which it signs."""
    advice = "Give the address of a Muniment server with --url, or start one with `make run`."
    with stage.step("Muniment is there, and ready", advice) as step:
        demand(client.read("/health/ready") == "ready", "an answer that is not Muniment's.")
        vkey = client.read("/ledger/vkey")
        step.detail = f"it signs as {vkey}"
        return vkey


def _play(stage: Stage, client: Client, files: list[Path], home: Home | None, vkey: str) -> None:
    if home is None:
        stage.say("(Its home is not the one that --home names: staff and disk are left out of the play.)")
    work = Work(new_word())
    ada = person(f"Ada Lindqvist {work.word}", client, work.word)
    life.open_account(stage, ada)
    life.bring_files(stage, ada, work, files)
    writing.give_brief(stage, ada, work, own_files=bool(files))
    record.read_record(stage, ada)
    bea, staff = refusals.try_doors(stage, ada, work, home)
    if staff is not None:
        granting.let_in(stage, ada, work, staff)
    archive = taking_out.take_out(stage, ada, work, staff, vkey)
    if home is None:
        ending.let_go(stage, ada, work)
        ending.find_nothing(stage, ada, work, staff)
    else:
        searched, owned = searching.look_at_disk(stage, ada, work, home)
        ending.let_go(stage, ada, work)
        ending.find_nothing(stage, ada, work, staff)
        searching.find_nothing_on_disk(stage, ada, home, owned, searched)
    with stage.step("Bea, who only helped, has deleted her account too"):
        ending.leave(bea)
    stage.end(
        f"All {stage.steps} steps did what they should, in {stage.seconds:.0f} seconds.",
        f"What is left of Ada's work is in her own hands: {archive}",
        "Unpack it and open README.html. To check it yourself:",
        f"  python -m muniment export verify {archive} --vkey {vkey}",
    )
