"""The tree is the one of RFC 9162: known roots, proofs that verify, and none that do not."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ledger import merkle
from storage.ledger.leaves import leaf_hash
from storage.ledger.merkle import ProofRefused

# The inputs and roots by which implementations of Certificate Transparency test themselves.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
MOST = 70


def plainly(hashes: list[bytes]) -> bytes:
    """The root as the RFC's definition says it, word for word (2.1.1)."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else hashlib.sha256().digest()
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    left, right = plainly(hashes[:split]), plainly(hashes[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def hashes(size: int) -> list[bytes]:
    return [leaf_hash(number.to_bytes(4, "big")) for number in range(size)]


def subtrees(leaves: list[bytes]) -> merkle.Subtrees:
    levels = merkle.grow(0, leaves, _nothing)
    return lambda level, index: levels[level][index]


def _nothing(level: int, index: int) -> bytes:
    raise AssertionError(f"nothing is known of an empty tree: {level}, {index}")


SUBTREES = subtrees(hashes(MOST))
PLAIN = [plainly(hashes(size)) for size in range(MOST + 1)]


def test_the_certificate_transparency_roots_match() -> None:
    """The eight reference inputs give the eight reference roots, and no input the hash of nothing."""
    known = subtrees([leaf_hash(bytes.fromhex(given)) for given in INPUTS])
    assert [merkle.root(size, known).hex() for size in range(1, 9)] == ROOTS
    assert merkle.root(0, known) == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", range(MOST + 1))
def test_roots_are_what_the_definition_says(size: int) -> None:
    """From perfect subtrees or leaf by leaf: one root."""
    assert merkle.root(size, SUBTREES) == PLAIN[size]


@given(st.lists(st.integers(0, 40), max_size=8))
def test_a_tree_grown_in_steps_is_the_tree_grown_at_once(steps: list[int]) -> None:
    """However the entries were batched, every subtree is the same."""
    kept: dict[tuple[int, int], bytes] = {}
    size, leaves = 0, hashes(sum(steps))
    for step in steps:
        grown = merkle.grow(size, leaves[size : size + step], lambda level, index: kept[level, index])  # noqa: B023 - called at once
        for level, found in enumerate(grown):
            kept |= {(level, (size >> level) + i): each for i, each in enumerate(found)}
        size += step
    assert merkle.root(size, lambda level, index: kept[level, index]) == plainly(leaves)
    assert all(merkle.fold(leaves[i << n : (i + 1) << n]) == each for (n, i), each in kept.items())


@pytest.mark.parametrize("size", range(1, 34))
def test_every_leaf_of_every_small_tree_is_proven_and_no_other(size: int) -> None:
    """Each proof verifies for its own leaf, place, size and root, and for nothing else."""
    for index in range(size):
        proof = merkle.inclusion_proof(index, size, SUBTREES)
        assert len(proof) <= size.bit_length()
        merkle.verify_inclusion(hashes(size)[index], index, size, proof, PLAIN[size])
        wrong = [
            (hashes(size)[index - 1] if size > 1 else b"x" * 32, index, size, proof, PLAIN[size]),
            (hashes(size)[index], index + 1, size, proof, PLAIN[size]),
            (hashes(size)[index], index, size, [*proof, b"x" * 32], PLAIN[size]),
            (hashes(size)[index], index, size, proof, PLAIN[size + 1]),
        ]
        if proof:
            wrong.append((hashes(size)[index], index, size, proof[:-1], PLAIN[size]))
            wrong.append((hashes(size)[index], index, size, [b"x" * 32, *proof[1:]], PLAIN[size]))
        for each in wrong:
            with pytest.raises(ProofRefused):
                merkle.verify_inclusion(*each)


@pytest.mark.parametrize("new", range(1, 34))
def test_every_older_tree_is_proven_to_begin_the_newer_and_no_other_does(new: int) -> None:
    """Each consistency proof verifies for its two trees, and for nothing else."""
    for old in range(1, new + 1):
        proof = merkle.consistency_proof(old, new, SUBTREES)
        merkle.verify_consistency(old, new, proof, PLAIN[old], PLAIN[new])
        wrong = [
            (old, new, proof, b"x" * 32, PLAIN[new]),
            (old, new, proof, PLAIN[old], b"x" * 32),
            (old, new, [*proof, b"x" * 32], PLAIN[old], PLAIN[new]),
            (new + 1, new, proof, PLAIN[old], PLAIN[new]),
        ]
        if proof:
            wrong += [
                (old, new, proof[:-1], PLAIN[old], PLAIN[new]),
                (old, new, [b"x" * 32, *proof[1:]], PLAIN[old], PLAIN[new]),
            ]
        for each in wrong:
            with pytest.raises(ProofRefused):
                merkle.verify_consistency(*each)


@pytest.mark.parametrize("proof", [[], [b"x" * 32]], ids=["empty", "one hash"])
def test_nothing_is_proven_of_an_empty_tree(proof: list[bytes]) -> None:
    """A proof from or into size 0 is refused, whatever it holds: it would show nothing."""
    for old, new in ((0, 0), (0, 5)):
        with pytest.raises(ProofRefused):
            merkle.verify_consistency(old, new, proof, merkle.EMPTY, PLAIN[new])
        with pytest.raises(ValueError, match="only a tree with leaves"):
            merkle.consistency_proof(old, new, SUBTREES)
    with pytest.raises(ProofRefused):
        merkle.verify_inclusion(hashes(1)[0], 0, 0, proof, merkle.EMPTY)
    with pytest.raises(ValueError, match="outside the tree"):
        merkle.inclusion_proof(0, 0, SUBTREES)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_what_is_not_a_hash_is_refused(length: int) -> None:
    """A hash of another length is refused, rather than hashed into something else."""
    with pytest.raises(ProofRefused, match="32 bytes"):
        merkle.verify_inclusion(hashes(2)[0], 0, 2, [b"x" * length], PLAIN[2])
    with pytest.raises(ProofRefused, match="32 bytes"):
        merkle.verify_consistency(1, 2, [b"x" * length], PLAIN[1], PLAIN[2])


def test_proofs_of_a_large_tree_ask_for_few_subtrees() -> None:
    """Of a million leaves a proof needs no more than the tree is high, and a consistency proof twice that."""
    asked: list[tuple[int, int]] = []

    def counting(level: int, index: int) -> bytes:
        asked.append((level, index))
        return bytes(32)

    assert len(merkle.inclusion_proof(999_999, 1_000_001, counting)) <= 20
    assert len(asked) <= 20
    asked.clear()
    merkle.consistency_proof(654_321, 1_000_001, counting)
    assert len(asked) <= 40
