"""Vectors that other implementations of the same formats publish: what they accept we accept, and nothing else."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.ledger import merkle, tiles
from storage.ledger.checkpoint import Checkpoint, CheckpointRefused, verified
from storage.ledger.merkle import ProofRefused
from storage.ledger.notes import NoteRefused, verify_note
from storage.ledger.tiles import Tile

VECTORS = json.loads(Path("tests/golden/rfc6962_proofs.json").read_text(encoding="utf-8"))

# The example of C2SP signed-note: key, and the note that it verifies.
NOTE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)

# A tree head that the Go checksum database published, and its key, which ships with the Go tool.
SUMDB_KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
SUMDB = (
    "go.sum database tree\n6476701\nmb8QLQIs0Z0yP5Cstq6guj87oXWeC9gEM8oVikmm9Wk=\n\n"
    "— sum.golang.org Az3grsLX85Gz+s1SiTbgkuqxgItqFq7gsMUEyVnrsa9LM7Us9S+1xbFIGu95949rj4nPRYfvimWEPWL+o3GeoWwOoAw=\n"
)


def decoded(vector: dict[str, Any]) -> tuple[list[bytes], Iterator[bytes]]:
    """The proof, and whatever else is bytes, in the order of the vector."""
    proof = [base64.b64decode(each or "") for each in vector["proof"] or []]
    names = [name for name in ("leafHash", "root", "root1", "root2") if name in vector]
    return proof, (base64.b64decode(vector[name] or "") for name in names)


def refuses(verify: Any, *arguments: Any) -> bool:
    try:
        verify(*arguments)
    except ProofRefused:
        return True
    return False


@pytest.mark.parametrize("vector", VECTORS["inclusion"], ids=lambda vector: str(vector["name"]))
def test_public_inclusion_proofs_are_judged_as_published(vector: dict[str, Any]) -> None:
    """What the vectors call wrong is refused by name, and what they call right verifies."""
    proof, (leaf, root) = decoded(vector)
    told = merkle.verify_inclusion, leaf, vector["leafIdx"], vector["treeSize"], proof, root
    assert refuses(*told) is vector["wantErr"]


@pytest.mark.parametrize("vector", VECTORS["consistency"], ids=lambda vector: str(vector["name"]))
def test_public_consistency_proofs_are_judged_as_published(vector: dict[str, Any]) -> None:
    """Likewise; proofs from or to a tree of size 0 are among those to be refused.

    One that is called right has the text "don't care 2" for both roots. We take hashes of 32 bytes only.
    """
    proof, (old, new) = decoded(vector)
    told = merkle.verify_consistency, vector["size1"], vector["size2"], proof, old, new
    assert refuses(*told) is (vector["wantErr"] or (old, new) == (b"don't care 2", b"don't care 2"))


def test_the_vectors_are_all_there() -> None:
    """Both kinds, right and wrong ones, and several of size 0: a file that was cut short shows less."""
    kinds = {kind: [vector["wantErr"] for vector in VECTORS[kind]] for kind in ("inclusion", "consistency")}
    assert {kind: (len(wants), wants.count(False)) for kind, wants in kinds.items()} == {
        "inclusion": (98, 6),
        "consistency": (98, 6),
    }
    empty = [vector for vector in VECTORS["consistency"] if 0 in (vector["size1"], vector["size2"])]
    assert len(empty) == 10
    assert all(vector["wantErr"] for vector in empty)


def test_the_note_of_the_specification_verifies() -> None:
    """Byte for byte as C2SP signed-note prints it; one byte less and it is none."""
    assert verify_note(NOTE, NOTE_KEY) == "This is an example message.\n"
    with pytest.raises(NoteRefused):
        verify_note(NOTE[:-1], NOTE_KEY)


def test_a_checkpoint_of_a_public_log_is_read() -> None:
    """It verifies under the log's key; its origin is not its key's name, which our own logs never allow themselves."""
    assert Checkpoint.parse(verify_note(SUMDB, SUMDB_KEY)).size == 6476701
    with pytest.raises(CheckpointRefused, match="another log"):
        verified(SUMDB, SUMDB_KEY)
    with pytest.raises(NoteRefused):
        verified(SUMDB.replace("6476701", "6476702"), SUMDB_KEY)


@pytest.mark.parametrize(
    "wrong",
    [
        "log\n1\n{root}",
        "log\n1\n{root}\n\nx\n",
        "log\n1\n{root}\n\n",
        "\n1\n{root}\n",
        "log\n01\n{root}\n",
        "log\n-1\n{root}\n",
        "log\n+1\n{root}\n",
        "log\n1 \n{root}\n",
        "log\n\n{root}\n",
        "log\n1\n",
        "log\n1\n{root}=\n",
        "log\n1\nAAAA\n",
    ],
    ids=repr,
)
def test_what_is_no_checkpoint_is_refused(wrong: str) -> None:
    """Three lines that are not empty, a size without a leading zero, 32 bytes of root, and a line feed at the end."""
    root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    whole = f"example.com/behind-the-sofa\n20852163\n{root}\n"
    assert Checkpoint.parse(whole).text == whole
    assert Checkpoint.parse(whole + "an extension\n").size == 20852163
    with pytest.raises(CheckpointRefused):
        Checkpoint.parse(wrong.format(root=root))


def test_a_tree_has_the_tiles_that_the_specification_counts() -> None:
    """A tree of 70,000 entries, of 256, and the path of tile 1,234,067, as C2SP tlog-tiles gives them."""
    of_70000 = {level: [tiles.width_at(level, n, 70_000) for n in range(275)] for level in range(4)}
    assert of_70000[0] == [256] * 273 + [112, 0]
    assert of_70000[1] == [256, 17] + [0] * 273
    assert (of_70000[2][0], of_70000[3][0]) == (1, 0)
    assert (tiles.width_at(0, 0, 256), tiles.width_at(1, 0, 256)) == (256, 1)
    assert Tile(0, 1234067).path == "0/x001/x234/067"
    assert Tile.parse("0/x001/x234/067") == Tile(0, 1234067)
    assert tiles.bundle([b"ab", b""]) == b"\x00\x02ab\x00\x00"
