"""The witness policy: C2SP tlog-policy, read as it is written, and nothing else."""

from pathlib import Path

import pytest

from storage.ledger.witnesses import PolicyRefused, WitnessPolicy
from tests.services.witness import Witness
from tests.storage.ledger.test_ledger_cosignatures import COSIGNED_AT, PUBLIC, REMORA, SMARTIT

# The keys in the examples of transparency-dev/formats, and of public witnesses.
LOG = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
KEYS = [Witness(f"witness.example/{name}", Path()).vkey for name in ("x1", "x2", "x3", "y1", "y2", "y3")]
SPECIFIED = f"""
# The example of the specification.
log {LOG} https://example.com/

witness X1 {KEYS[0]}
witness X2 {KEYS[1]}
  witness\tX3  {KEYS[2]}
group X-witnesses 2 X1 X2 X3

witness Y1 {KEYS[3]} https://y1.example/
witness Y2 {KEYS[4]}
witness Y3 {KEYS[5]}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""
ONE = f"witness w {KEYS[0]}\n"


@pytest.mark.parametrize(
    ("seen", "is_met"),
    [
        ("X1 X2 Y1", True),
        ("X1 X3 Y3", True),
        ("X1 X2 X3 Y1 Y2 Y3", True),
        ("X1 Y1 Y2 Y3", False),
        ("X1 X2 X3", False),
        ("", False),
        ("X-witnesses Y-witnesses", False),
        ("X-and-Y", False),
        ("Z1 Z2 Z3", False),
    ],
)
def test_a_quorum_of_groups_is_counted(seen: str, is_met: bool) -> None:
    """Two of the first organization and one of the second, whoever else there is."""
    policy = WitnessPolicy.parse(SPECIFIED.encode())
    assert policy.is_met(seen.split()) is is_met
    assert policy.logs == (LOG,)
    assert {name: each.url for name, each in policy.witnesses.items() if each.url} == {"Y1": "https://y1.example/"}


def test_a_single_witness_or_nobody_can_be_required() -> None:
    """`quorum none` is met by nobody, also where there are witnesses."""
    assert WitnessPolicy.parse(f"{ONE}quorum w".encode()).is_met(["w"])
    assert not WitnessPolicy.parse(f"{ONE}quorum w\n".encode()).is_met([])
    assert WitnessPolicy.parse(f"{ONE}quorum none\n".encode()).is_met([])
    assert WitnessPolicy.parse(b"quorum none").is_met([])


def test_who_has_seen_a_checkpoint_is_told_by_name() -> None:
    """With the time, for those of the policy alone."""
    policy = WitnessPolicy.parse(f"witness r {REMORA.vkey}\nwitness s {SMARTIT.vkey}\nquorum r\n{ONE}".encode())
    assert policy.seen(PUBLIC) == {"r": COSIGNED_AT, "s": COSIGNED_AT}
    assert policy.is_met(policy.seen(PUBLIC))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("", "no quorum"),
        (ONE, "no quorum"),
        (f"quorum w\n{ONE}", "line 1: a name is used before"),
        (f"{ONE}quorum w\nquorum w", "line 3: there is one quorum"),
        (f"{ONE}quorum", "line 2: neither"),
        (f"{ONE}quorum w w", "line 2: neither"),
        (f"{ONE}{ONE}quorum w", "line 2: a witness stands there twice"),
        (f"{ONE}witness w {KEYS[1]}\nquorum w", "line 2: a name is taken"),
        (f"witness none {KEYS[0]}\nquorum none", "line 1: a name is taken"),
        (f"witness all {KEYS[0]}\nquorum none", "line 1: a name is taken"),
        (f"witness w {LOG}\nquorum w", "line 1: not a witness"),
        ("witness w nonsense\nquorum w", "line 1: not a witness"),
        ("witness w\nquorum none", "line 1: neither"),
        (f"log {LOG}\nlog {LOG}\nquorum none", "line 2: a log stands there twice"),
        (f"{ONE}group g 0 w\nquorum g", "line 2: a group's number"),
        (f"{ONE}group g 2 w\nquorum g", "line 2: a group's number"),
        (f"{ONE}group g -1 w\nquorum g", "line 2: a group's number"),
        (f"{ONE}group g 10000001 w\nquorum g", "line 2: a group's number"),
        (f"{ONE}group g \u0661 w\nquorum g", "line 2: a group's number"),
        (f"{ONE}group g some w\nquorum g", "line 2: a group's number"),
        (f"{ONE}group g any\nquorum g", "line 2: neither"),
        (f"{ONE}group g any none\nquorum g", "line 2: a name is used before"),
        (f"{ONE}group g any g\nquorum g", "line 2: a name is used before"),
        (f"{ONE}group g all w w\nquorum g", "line 2: a name is in one group only"),
        (f"{ONE}group g any w\ngroup h any w\nquorum h", "line 3: a name is in one group only"),
        (f"{ONE}group w any w\nquorum w", "line 2: a name is taken"),
        ("people none\nquorum none", "line 1: neither"),
        ("quorum none\r\n", "control characters"),
        ("quorum none\x00", "control characters"),
        ("#" * 1_000_001 + "\nquorum none", "too large"),
    ],
)
def test_what_is_no_policy_is_refused_by_its_line(wrong: str, why: str) -> None:
    """The sentence says which line and what is amiss, and repeats nothing of it."""
    with pytest.raises(PolicyRefused, match=why):
        WitnessPolicy.parse(wrong.encode())


def test_octets_that_are_no_text_are_passed_through() -> None:
    """Names and comments may hold any; a key may not."""
    policy = WitnessPolicy.parse(b"# \xff\nwitness \xff\xfe " + KEYS[0].encode() + b"\nquorum \xff\xfe")
    assert policy.is_met(policy.witnesses)
    with pytest.raises(PolicyRefused, match="line 1: "):
        WitnessPolicy.parse(b"witness w \xff" + KEYS[0].encode() + b"\nquorum w")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Rather than taken for no policy."""
    with pytest.raises(PolicyRefused, match="can't be read"):
        WitnessPolicy.load(tmp_path / "absent")
    (tmp_path / "policy").write_text("quorum none\n")
    assert WitnessPolicy.load(tmp_path / "policy") == WitnessPolicy()
