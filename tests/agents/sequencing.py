"""A process that sequences until it is killed at a step: `python -m tests.agents.sequencing HOME DATABASE STEP`.

STEP names the moment: kill -9 comes when the sequencer gets there, from inside, so that each gap is hit exactly.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from agents.ledger import Sequencer, Witnesses
from agents.outward import Answer
from storage.database import open_engine
from storage.ledger import publishing, sequencing
from storage.ledger.witnesses import WitnessPolicy
from tests.agents.worlds import open_store
from tests.services.witness import Witness

STEPS = (
    "before the batch",
    "after the places",
    "after the tree",
    "after the batch",
    "before signing",
    "after signing",
    "before the rename",
    "after the rename",
    "while a witness is asked",
    "after the witness",
    "before it is entered",
    "after it is entered",
)
"""The moments, in the order in which they come."""


def main(home: str, database: str, step: str) -> None:
    """Advance once, and be killed on the way."""
    _set_up(step)
    store = open_store(open_engine(database), Path(home))
    witness = Witness("w.example/w", Path(home) / "witness", {store.origin: store.keyring.public_key()})
    policy = WitnessPolicy.parse(f"witness w {witness.vkey} http://127.0.0.1:9\nquorum w".encode())
    witnesses = Witnesses(policy, exchange=lambda _, body, *__, **___: Answer(*witness.reply(body)))
    sequencer = Sequencer(store, Path(home) / "ledger", lambda: "0" * 16, batch=50, witnesses=witnesses)
    sequencer.inspect()
    sequencer.advance()
    sys.stdout.write("survived\n")


def _die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _after(function: Any) -> Any:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        function(*args, **kwargs)
        _die()

    return wrapped


def _set_up(step: str) -> None:
    changes: dict[str, tuple[Any, str, Any]] = {
        "before the batch": (sequencing, "sequence", _die),
        "after the places": (sequencing, "_store", _die),
        "after the tree": (sequencing, "sequence", _after(sequencing.sequence)),
        "after the batch": (Sequencer, "_sequence", _after(Sequencer._sequence)),
        "before signing": (publishing, "sign", _die),
        "after signing": (publishing, "sign", _after(publishing.sign)),
        "before the rename": (Path, "replace", _die),
        "after the rename": (Path, "replace", _after(Path.replace)),
        "while a witness is asked": (Witnesses, "_posted", _die),
        "after the witness": (Witnesses, "cosign", _after(Witnesses.cosign)),
        "before it is entered": (publishing, "enter", _die),
        "after it is entered": (Sequencer, "_publish", _after(Sequencer._publish)),
    }
    place, name, replacement = changes[step]
    setattr(place, name, replacement)


if __name__ == "__main__":
    main(*sys.argv[1:])
