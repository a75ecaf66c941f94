"""The engine calls nothing of Python's for a rule, whatever text it is given: policies come out of the database."""

from pathlib import Path

import pytest

from policies.compiled import Policy
from policies.errors import PolicyError
from policies.workbench import checking

ROOT = Path(__file__).parents[2]
_CLASSES = '"".__class__.__base__.__subclasses__()'
RULES = {
    "a shell": f's in {_CLASSES} and s.__name__ = "_wrap_close" and g = s.__init__.__globals__ and'
    ' f = g.__getitem__("system") and f.__call__("mkdir PLACE") = 0',
    "a method": '"x".upper() = "X"',
    "an attribute that leads to classes": '"x".__class__ = "str"',
    "of a number": "1.bit_length() = 1",
    "of a fact": "_person.__class__ = 1",
    "of a list": '["x"].pop() = "x"',
    "of an object": '{a: 1}.pop("a") = 1',
    "an object": "d = new datetime(1, 1, 1) and d.year = 1",
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_calls_nothing(tmp_path: Path, name: str) -> None:
    """Neither past our checks, as here, nor through them, as what comes out of the database does."""
    place = tmp_path / "ran"
    rule = f'allow(_person: Person, "read", _thing: Asset) if {RULES[name].replace("PLACE", str(place))};\n'
    source = ((ROOT / "policy.polar").read_text(encoding="utf-8") + "\n" + rule).encode()
    with pytest.raises(PolicyError):
        Policy(source, "p")
    assert checking.check_source(source, "p").policy is None
    assert not place.exists()


def test_a_query_in_the_text_calls_nothing(tmp_path: Path) -> None:
    """`?=` is run as soon as a text is loaded."""
    place = tmp_path / "ran"
    query = f"?= {RULES['a shell'].replace('PLACE', str(place))};\n"
    source = ((ROOT / "policy.polar").read_text(encoding="utf-8") + "\n" + query).encode()
    with pytest.raises(PolicyError):
        Policy(source, "p")
    assert checking.check_source(source, "p").policy is None
    assert not place.exists()
