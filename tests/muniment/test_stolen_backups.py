"""A backup that was carried off says nothing."""

import pytest

from storage.backups import streams
from storage.backups.places import Kind
from tests.faults.hunts import spellings
from tests.muniment.test_backups import Pair, pair, take
from tests.world import World

__all__ = ["pair"]

MARKER = "marker-of-vermilion"


@pytest.mark.parametrize("kind", list(Kind))
def test_a_stolen_backup_says_nothing_not_even_to_who_can_unpack_it(world: World, pair: Pair, kind: Kind) -> None:
    """Of data there is ciphertext, of keys there are wrapped ones: also for whoever has the operator's identity."""
    ada = world.register("ada")
    project = world.project(ada, MARKER)
    world.asset(ada, project, MARKER.encode() * 100, title=MARKER)
    world.prompt(ada, project, text=MARKER)
    take(world, pair)
    unpacked: list[bytes] = []
    streams.read(pair.taken(kind), pair.identities, lambda line: unpacked.append(streams.orjson.dumps(line)))
    place = pair.target.place if kind is Kind.DATA else pair.target.keys_place
    stolen = [path.read_bytes() for path in place.rglob("*") if path.is_file()]
    assert len(unpacked) > 5
    assert len(stolen) == (3 if kind is Kind.DATA else 2)  # the backup, the lock, and a file
    for content in (*unpacked, *stolen):
        assert not any(spelling in content for spelling in spellings(MARKER))
