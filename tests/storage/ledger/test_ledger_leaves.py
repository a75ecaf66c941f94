"""Leaves and commitments: the frozen format, and what can be shown with it."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.ledger import leaves
from storage.ledger.canonical import canonical
from storage.ledger.leaves import CommitmentMismatch, LeafDamaged, Opening

GOLDEN = json.loads(Path("tests/golden/audit_leaf_v1.json").read_text(encoding="utf-8"))


def opened(entry: dict[str, Any]) -> dict[str, Opening]:
    """The openings that the golden file holds beside a leaf."""
    return {label: Opening(side["value"], bytes.fromhex(side["salt"])) for label, side in entry["openings"].items()}


@pytest.mark.parametrize("entry", GOLDEN, ids=lambda entry: entry["name"])
def test_leaves_of_version_1_stay_readable(entry: dict[str, Any]) -> None:
    """A leaf written by the first release reads, hashes and opens as it did then, and is built the same today."""
    leaf = entry["leaf"].encode()
    record = leaves.read(leaf)
    assert leaves.leaf_hash(leaf).hex() == entry["leafHash"]
    leaves.check_commitments(leaf, opened(entry))
    del record["version"], record["commitments"]
    assert leaves.build(record, opened(entry)) == leaf


def test_a_commitment_can_be_checked_with_a_hash_function_alone() -> None:
    """What an auditor computes by hand from the description is what stands in the leaf."""
    entry = GOLDEN[0]
    salt, value = bytes.fromhex(entry["openings"]["ipAddress"]["salt"]), entry["openings"]["ipAddress"]["value"]
    parts = (b"muniment audit commitment v1", b"ipAddress", salt, b"\x01" + value.encode())
    by_hand = hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).hexdigest()
    assert json.loads(entry["leaf"])["commitments"]["ipAddress"] == by_hand


def test_the_leaf_hash_is_that_of_rfc_9162() -> None:
    """The empty leaf's hash is the published one (RFC 9162 section 2.1.1, Certificate Transparency's vectors)."""
    assert leaves.leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@pytest.mark.parametrize("label", [*leaves.ACTOR, *leaves.SUBJECT])
def test_another_value_or_salt_does_not_open(label: str) -> None:
    """For each field: a changed value, a changed salt, or another field's opening is named as not committed to."""
    entry = GOLDEN[0]
    leaf, right = entry["leaf"].encode(), opened(entry)
    other = next(side for name, side in right.items() if name != label)
    wrong = [
        replace(right[label], value="203.0.113.1"),
        replace(right[label], value=""),
        replace(right[label], salt=bytes(32)),
        other,
    ]
    for side in wrong:
        with pytest.raises(CommitmentMismatch) as mismatch:
            leaves.check_commitments(leaf, right | {label: side})
        assert mismatch.value.label == label


def test_a_field_that_a_leaf_does_not_have_is_a_mismatch() -> None:
    """Nothing can be shown about a field that was never committed to."""
    with pytest.raises(CommitmentMismatch):
        leaves.check_commitments(GOLDEN[0]["leaf"].encode(), {"email": Opening("a@example.org", bytes(32))})


def test_what_is_forgotten_is_not_needed_to_check_the_rest() -> None:
    """With one side gone the other still opens; with both gone there is nothing left to check."""
    entry = GOLDEN[0]
    rest = {label: side for label, side in opened(entry).items() if label in leaves.SUBJECT}
    leaves.check_commitments(entry["leaf"].encode(), rest)
    leaves.check_commitments(entry["leaf"].encode(), {})


def test_no_two_openings_run_together() -> None:
    """Moving bytes between label, salt and value gives another commitment; absent is not empty."""
    salt = bytes(32)
    assert leaves.commitment("ab", Opening("c", salt)) != leaves.commitment("a", Opening("bc", salt))
    assert leaves.commitment("a", Opening("b", salt)) != leaves.commitment("a", Opening("", salt + b"b"))
    assert leaves.commitment("a", Opening(None, salt)) != leaves.commitment("a", Opening("", salt))


def test_salts_are_fresh() -> None:
    """The same address twice gives two commitments that nobody can tell belong together."""
    first, second = (leaves.fresh({"ipAddress": "203.0.113.7"})["ipAddress"] for _ in range(2))
    assert len(first.salt) == len(second.salt) == 32
    assert leaves.commitment("ipAddress", first) != leaves.commitment("ipAddress", second)


def test_an_opening_does_not_show_itself() -> None:
    """Neither value nor salt gets into a log by way of repr."""
    assert repr(Opening("203.0.113.7", b"s" * 32)) == "<opening>"


def test_every_personal_field_is_committed_to() -> None:
    """A leaf can't be built with a personal field left out, nor with one more."""
    whole = opened(GOLDEN[0])
    for wrong in ({**whole, "email": whole["userId"]}, {"userId": whole["userId"]}):
        with pytest.raises(ValueError, match="every personal field"):
            leaves.build({}, wrong)


def test_a_leaf_fits_into_a_tile() -> None:
    """A leaf beyond 65,535 bytes is refused; one of exactly that size is built."""
    whole = opened(GOLDEN[0])
    room = leaves.LARGEST - len(leaves.build({"x": ""}, whole))
    assert len(leaves.build({"x": "a" * room}, whole)) == leaves.LARGEST
    with pytest.raises(ValueError, match="65535"):
        leaves.build({"x": "a" * (room + 1)}, whole)


@pytest.mark.parametrize(
    "leaf",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 60_000,
        b'{"commitments":{},"version":2}',
        b'{"commitments":{},"version":true}',
        b'{"commitments":{},"version":1.0}',
        b'{"commitments":[],"version":1}',
        b'{"version":1}',
        b'{"version":1,"commitments":{}}',
        b'{"commitments":{}, "version":1}',
        b'{"commitments":{},"version":1}\n',
        b'{"commitments":{},"version":1,"version":1}',
        b'{"a":NaN,"commitments":{},"version":1}',
    ],
    ids=lambda leaf: leaf[:40].decode("latin-1"),
)
def test_what_is_no_leaf_is_refused(leaf: bytes) -> None:
    """Another version, another spelling of the same record, or no record at all: damaged, and never a crash."""
    with pytest.raises(LeafDamaged):
        leaves.read(leaf)
    with pytest.raises(LeafDamaged):
        leaves.check_commitments(leaf, {})


def test_what_is_nested_without_end_is_refused() -> None:
    """Deeper than a writer of JSON goes, though not deeper than a reader."""
    with pytest.raises(ValueError, match="not to be written"):
        canonical(json.loads("[" * 300 + "]" * 300))


def test_the_least_leaf_reads() -> None:
    """The control to the test above."""
    assert leaves.read(b'{"commitments":{},"version":1}') == {"commitments": {}, "version": 1}


def test_canonical_json_is_that_of_rfc_8785() -> None:
    """Sorted keys, no space, text as itself except for what JSON must escape: the RFC's own example of strings."""
    value = {"string": '\u20ac$\u000f\nA\'B"\\\\"/', "literals": [None, True, False], "numbers": [333333333, 0, -1]}
    expected = '{"literals":[null,true,false],"numbers":[333333333,0,-1],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert canonical(value) == expected.encode()


@pytest.mark.parametrize("value", [1.0, (1,), {1: 2}, {"ü": 1}, b"", {"a": {"b": float("nan")}}, {1}], ids=repr)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    """Floating-point numbers, bytes and keys that sort differently elsewhere."""
    with pytest.raises(TypeError):
        canonical(value)


@pytest.mark.parametrize("value", [2**53, -(2**53), "\ud800"], ids=["large", "small", "surrogate"])
def test_what_other_readers_would_change_is_refused(value: Any) -> None:
    """Numbers that some readers round, and text that is no Unicode."""
    with pytest.raises(ValueError):
        canonical({"value": value})


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(max_examples=50, deadline=None)
@given(_json)
def test_canonical_json_reads_back_and_is_stable(value: Any) -> None:
    """Whatever is written reads back the same, and writing that again gives the same bytes; so does Python's own JSON."""
    written = canonical(value)
    assert written == json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    assert json.loads(written) == value
    assert canonical(json.loads(written)) == written
