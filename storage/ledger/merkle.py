"""Merkle trees: roots and proofs as RFC 9162 section 2.1 defines them, over SHA-256.

A tree of n leaves is made of perfect subtrees: subtree (level, i) covers the 2^level leaves from i * 2^level on, and
its hash never changes once they are there. Whoever keeps those hashes answers for any root or proof with O(log n) of
them; here they are asked for through a function. Pure: knows neither database nor keys. A leaf's own hash is
`leaves.leaf_hash`.
"""

import hashlib
from collections.abc import Callable, Sequence

Subtrees = Callable[[int, int], bytes]
"""Answers the hash of the perfect subtree (level, index)."""

EMPTY = hashlib.sha256(b"").digest()
"""The root of the tree without leaves."""

_HASH = 32


class ProofRefused(ValueError):
    """A proof that does not show what it is said to show."""


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees: SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over these hashes, a power of two of them. Raises ValueError for another number."""
    if not hashes or len(hashes) & (len(hashes) - 1):
        raise ValueError("a perfect subtree has a power of two of leaves")
    while len(hashes) > 1:
        hashes = list(map(node_hash, hashes[::2], hashes[1::2]))
    return hashes[0]


def root(size: int, subtrees: Subtrees) -> bytes:
    """The root of the tree of the first `size` leaves."""
    return _span(0, size, subtrees) if size else EMPTY


def grow(size: int, new: Sequence[bytes], subtrees: Subtrees) -> list[list[bytes]]:
    """What becomes known when the leaf hashes `new` join a tree of `size` leaves: per level, the new subtrees' hashes.

    The first of a level stands at index `size >> level`. `subtrees` is asked only about the tree as it was.
    """
    levels = [list(new)]
    while True:
        level = len(levels) - 1
        below, first = levels[level], size >> level

        def known(index: int, below: list[bytes] = below, first: int = first, level: int = level) -> bytes:
            return below[index - first] if index >= first else subtrees(level, index)

        start, end = size >> (level + 1), (size + len(new)) >> (level + 1)
        if start == end:
            return levels
        levels.append([node_hash(known(2 * i), known(2 * i + 1)) for i in range(start, end)])


def inclusion_proof(index: int, size: int, subtrees: Subtrees) -> list[bytes]:
    """The hashes that lead from leaf `index` to the root of `size` leaves (2.1.3.1). ValueError if it is not in it."""
    if not 0 <= index < size:
        raise ValueError("a leaf outside the tree has no proof")
    low, high, path = 0, size, []
    while high - low > 1:
        split = low + _largest_power_below(high - low)
        if index < split:
            path.append(_span(split, high, subtrees))
            high = split
        else:
            path.append(_span(low, split, subtrees))
            low = split
    return path[::-1]


def consistency_proof(old: int, new: int, subtrees: Subtrees) -> list[bytes]:
    """The hashes that show that the tree of `old` leaves begins the tree of `new` (2.1.4.1).

    Raises ValueError unless 0 < old <= new.
    """
    if not 0 < old <= new:
        raise ValueError("only a tree with leaves, and not larger, begins another")
    low, high, path = 0, new, []
    while high != old:
        split = low + _largest_power_below(high - low)
        if old <= split:
            path.append(_span(split, high, subtrees))
            high = split
        else:
            path.append(_span(low, split, subtrees))
            low = split
    if low:
        path.append(_span(low, high, subtrees))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], wanted: bytes) -> None:
    """Return if the leaf with hash `leaf` is number `index` of the tree of `size` leaves with root `wanted` (2.1.3.2).

    Raises ProofRefused.
    """
    if not 0 <= index < size:
        raise ProofRefused("there is no such leaf in a tree of this size")
    _demand_hashes(leaf, wanted, *proof)
    at, last, found = index, size - 1, leaf
    for each in proof:
        if last == 0:
            raise ProofRefused("the proof is too long")
        if at & 1 or at == last:
            found = node_hash(each, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, each)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise ProofRefused("the proof is too short")
    if found != wanted:
        raise ProofRefused("the leaf is not in this tree at this place")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Return if the tree (`old`, `old_root`) begins the tree (`new`, `new_root`) (2.1.4.2). Raises ProofRefused.

    A tree without leaves begins every tree and nothing can be proven of it: it is refused, whatever the proof.
    """
    if not 0 < old <= new:
        raise ProofRefused("only a tree with leaves, and not larger, begins another")
    _demand_hashes(old_root, new_root, *proof)
    if old == new:
        if proof or old_root != new_root:
            raise ProofRefused("two trees of one size are one tree, without a proof")
        return
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    rest = list(proof) if at else [old_root, *proof]
    if not rest:
        raise ProofRefused("the proof is too short")
    before = after = rest[0]
    for each in rest[1:]:
        if last == 0:
            raise ProofRefused("the proof is too long")
        if at & 1 or at == last:
            before, after = node_hash(each, before), node_hash(each, after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = node_hash(after, each)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise ProofRefused("the proof is too short")
    if before != old_root or after != new_root:
        raise ProofRefused("the older tree does not begin the newer one")


def _span(start: int, end: int, subtrees: Subtrees) -> bytes:
    """The root over leaves [start, end), where `start` is a multiple of a power of two not below the span's length."""
    parts, at = [], start
    for level in reversed(range((end - start).bit_length())):
        if (end - start) >> level & 1:
            parts.append(subtrees(level, at >> level))
            at += 1 << level
    found = parts.pop()
    while parts:
        found = node_hash(parts.pop(), found)
    return found


def _largest_power_below(number: int) -> int:
    return 1 << (number - 1).bit_length() - 1


def _demand_hashes(*hashes: bytes) -> None:
    if any(len(each) != _HASH for each in hashes):
        raise ProofRefused("a hash has 32 bytes")
