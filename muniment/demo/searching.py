"""Act eight, and the last look: what lies on the server's disk."""

import base64
import tempfile
from pathlib import Path

from muniment.demo.cast import Person, Work
from muniment.demo.disk import Home, sample, scan
from muniment.demo.stage import Stage, demand
from schema.ids import decode_id_of


class Searched:
    """What must never be found on disk: her word, pieces of her files and texts, her password, her token."""

    def __init__(self, stage: Stage, home: Home, ada: Person, work: Work) -> None:
        self._stage, self._home, self._word = stage, home, work.word
        found: dict[str, bytes | None] = {f"the word {work.word}": work.word.encode()}
        found |= {f"the file {asset.file.name}": sample(asset.file.content) for asset in work.assets}
        found |= {f"output {output['variation']}": sample(output["text"].encode()) for output in work.outputs}
        found |= {"her password": ada.password.encode(), "her token": (ada.client.token or "").encode()}
        self._needles = {name: needle for name, needle in found.items() if needle}

    def control(self) -> None:
        """See that the search finds what there is to find."""
        with self._stage.step("The search works: laid into a file for a moment, in base64, the word is found") as step:
            with tempfile.TemporaryDirectory() as place:
                planted = Path(place) / "control"
                planted.write_bytes(base64.b64encode(f"A word: {self._word}".encode()))
                finds = scan([Path(place)], self._needles).hits
            demand([path for path, _ in finds] == [planted], f"{len(finds)} finds where there is one.")
            step.detail = "1 find"

    def look(self, when: str) -> None:
        """Look through everything on disk; a find ends the play."""
        with self._stage.step(f"{when}, nothing of hers lies there in clear") as step:
            found = scan(self._home.places, self._needles)
            finds = "; ".join(f"{name} in {path}" for path, name in found.hits[:5])
            demand(not found.hits, f"{len(found.hits)} finds: {finds}.")
            step.detail = f"0 finds of {len(self._needles)} things, in {found.files} files of {found.size:,} bytes"


def look_at_disk(stage: Stage, ada: Person, work: Work, home: Home) -> tuple[Searched, list[Path]]:
    """Search the server's home while everything is there; answers what was searched for, and her sealed files."""
    stage.act(
        "What lies on disk",
        f"“{work.word}” is a word that nobody ever wrote before. Ada has put it into every name, title, tag and brief,"
        " even into her password. We look for it, and for pieces of her files and of the outputs, in every file of the"
        " server's home: database, write-ahead log, blobs, keys; as it is, in UTF-16, hexadecimal and base64.",
    )
    searched = Searched(stage, home, ada, work)
    searched.control()
    searched.look("With everything stored")
    with stage.step("Her keys are there, apart from the data") as step:
        owner = decode_id_of("Contributor", ada.id, "id")
        keysets, blobs = home.keysets_of(owner), home.blobs_of(owner)
        demand(keysets and len(blobs) > len(work.assets), f"{keysets} keysets, {len(blobs)} sealed files.")
        step.detail = f"{keysets} keysets, {len(blobs)} sealed files"
    return searched, blobs


def find_nothing_on_disk(stage: Stage, ada: Person, home: Home, blobs: list[Path], searched: Searched) -> None:
    """Her keys and files, as somebody finds them who holds the disk."""
    with stage.step("Her keys are destroyed, her sealed files removed") as step:
        keysets = home.keysets_of(decode_id_of("Contributor", ada.id, "id"))
        left = [path for path in blobs if path.exists()]
        demand(not keysets and not left, f"{keysets} keysets and {len(left)} sealed files that are still there.")
        step.detail = f"0 keysets; 0 of {len(blobs)} sealed files"
    searched.look("Afterwards")
