"""A policy that can't be decided in SQL, or that says something by mistake, is refused when it loads, with its line."""

import re
from pathlib import Path

import pytest

from policies.access import Policy
from policies.errors import PolicyError

ABOVE = "# line 1\nallow(person: Person, action: String, thing) if may(person, action, thing);\n"


def refusal(rules: str) -> str:
    """What is said of a policy with `rules` from its third line on."""
    with pytest.raises(PolicyError) as refused:
        Policy((ABOVE + rules).encode(), "test.polar")
    return str(refused.value)


def on_asset(condition: str, head: str = "person: Person") -> str:
    """A rule about assets with `condition`, on the third line."""
    return f'may({head}, "read", asset: Asset) if\n    asset.owner_id = person.id and {condition};\n'


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("asset.ownr_id = person.id", "Asset has no “ownr_id”: did you mean “owner_id”?"),
        ("asset.title = person.id", "Asset.title is not kept in clear"),
        ("asset.title.stored = person.id", "Asset has no relation “title”"),
        ("asset.project = nil", "Asset.project is a relation: compare a column"),
        ("asset.project = person", "Asset.project is a relation"),
        ("asset.media_type = person.id", "Asset.media_type is no id"),
        ("asset.owner_id = person", "which it never holds"),
        ('asset.owner_id = "ada"', "Asset.owner_id is compared with 'ada', which it never holds"),
        ('asset.status = "REDY"', "write one of AWAITING_UPLOAD, AVAILABLE, QUARANTINED"),
        ('asset.byte_size = "1"', "which it never holds"),
        ("asset.byte_size = true", "which it never holds"),
        ("asset.byte_size < nil", "then a number"),
        ('asset.media_type < "b"', "then a number"),
        ("asset.media_type < 3", "no order that every database agrees on"),
        ('asset.status > "A"', "then a number"),
        ("asset.owner_id < person.id", "then a number"),
        ("asset.byte_size < asset.blob_id", "then a number"),
        ("0 >= asset.byte_size", "write the column first"),
        ("asset.byte_size < 0 and 0 >= asset.byte_size", "write the column first"),
        ("asset.byte_size = asset.media_type", "are of different types and never equal"),
        ("asset.byte_size = 3 + asset.byte_size", "has no counterpart in SQL"),
        ("asset.project.members.role = \"EDITOR\"", "is followed as `one in thing.members`"),
        ("m in asset.project and m.role = \"EDITOR\"", "is followed as `thing.project.column`"),
        ("m in asset.media_type and m.x = 1", "has no relation “media_type”"),
        ("person.id in asset.project.members", "takes a new name"),
        ("asset.media_type.startswith(\"image/\")", "cannot call method"),
        ("person.id.hex = asset.media_type", "looks for “hex” inside"),
        ("person.name = asset.media_type", "has no attribute 'name'"),
        ("person.id = \"ada\"", "which is not a column"),
        ("person.id = nil", "which is not a column"),
        ("person.id != nil", "which is not a column"),
        ("person.id < 3", "which is not a column"),
        (
            "m in asset.project.members and n in asset.project.members and m.contributor_id = n.contributor_id",
            "belong to rows that neither leads to the other",
        ),
    ],
)  # fmt: skip
def test_what_sql_can_not_decide_is_refused_with_its_line(condition: str, words: str) -> None:
    """The message names the file, the line of the rule and what is wrong with it."""
    message = refusal('may(_: Person, "read", _: Project);\n' + on_asset(condition))
    assert words in message
    assert message.startswith(("test.polar:4:", "test.polar:5:")), message


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("asset.id in [asset.owner_id, asset.project_id]", "a list holds something that is not written out"),
        ("one = asset.owner_id and asset.id in [one]", "a list holds something that is not written out"),
        ("one = asset.id and other = asset.owner_id and one = other", "“one = other” compares two names"),
        ("one := asset.id and other := asset.owner_id and one = other", "“one = other” compares two names"),
    ],
)
def test_what_oso_would_forget_is_refused(condition: str, words: str) -> None:
    """Paths made equal by way of names: the rule would load, and allow every asset."""
    message = refusal(on_asset(condition))
    assert message.startswith("test.polar:4: ")
    assert words in message


@pytest.mark.parametrize("head", ["same(one, one)", "same(one, _: Asset{id: one})", "same(one: String, one)"])
def test_a_name_twice_in_a_head_is_refused(head: str) -> None:
    """It makes two arguments equal, which oso would forget where both are paths."""
    message = refusal(f'{head};\nmay(_: Person, "read", asset: Asset) if same(asset.id, asset.owner_id);\n')
    assert message.startswith("test.polar:3: “one” stands twice in the head of a rule")


def test_paths_may_be_compared_and_lists_written_out() -> None:
    """What oso keeps is not refused: paths with paths, one after the other, and lists of literals."""
    kept = 'm in asset.project.members and m.role in ["EDITOR", "VIEWER"] and (asset.id = asset.owner_id or 1 = 2)'
    rule = f'may(person: Person, "read", asset: Asset) if person.stepped_up = true and {kept};\n'
    Policy((ABOVE + rule + 'may(_: Person, "read", _: Output);\n').encode(), "test.polar")


@pytest.mark.parametrize(
    "word",
    [
        "cut",
        "print(asset)",
        "debug()",
        "forall(m in asset.project.members, m.role = 1)",
        "not asset.blob_id",
        'not asset.media_type in ["a", "b"]',
        'not (m in asset.project.members and m.role = "EDITOR")',
    ],
)
def test_words_that_have_no_place_are_refused_with_their_line(word: str) -> None:
    """Rules that depend on their order, take back, or talk to the log are refused before oso sees them."""
    message = refusal(on_asset(word))
    assert message.startswith("test.polar:4: “" + re.split(r"[ (]", word)[0] + "” can't be compiled to SQL; ")


def test_such_words_may_stand_in_comments_and_strings() -> None:
    """A comment may say cut, and a literal may be one."""
    Policy(f'{ABOVE}# cut\nmay(_: Person, "read", o: Output) if o.provider = "cut; # print(";\n'.encode(), "x.polar")


def test_a_rule_for_every_action_is_refused() -> None:
    """An action that is added later must not be granted by a rule that was written before."""
    message = refusal("may(_: Person, _, _: Asset);\n")
    assert message.startswith("test.polar:3: a rule allows every action")


def test_an_action_that_does_not_exist_is_refused() -> None:
    """A misspelt action would be granted to no avail."""
    message = refusal('may(_: Person, "raed", _: Asset);\n')
    assert message.startswith("test.polar:3: “raed” is no action")


def test_a_misspelt_resource_is_refused() -> None:
    """oso only warns of an unknown type; a rule for it would never apply."""
    assert refusal('may(_: Person, "read", _: Asett);\n').startswith("test.polar:3: Unknown specializer Asett")


def test_a_call_to_a_rule_that_is_not_there_is_refused() -> None:
    """A misspelt rule would never hold."""
    message = refusal('may(person: Person, "read", asset: Asset) if\n  owns(person, asset);\n')
    assert message.startswith("test.polar:4: Call to undefined rule")


def test_what_does_not_parse_is_refused_with_its_line() -> None:
    """A slip of the pen is shown where it is."""
    assert refusal('may(_: Person, "read", _: Asset) if\n  );\n').startswith("test.polar:4:")


def test_an_unterminated_rule_at_the_end_is_refused() -> None:
    """The end of the file has a line as well."""
    assert refusal('may(_: Person, "read", _: Asset)').startswith("test.polar:3:")


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    """There is no policy by default."""
    with pytest.raises(PolicyError, match="can't be read"):
        Policy.load(tmp_path / "none.polar")
    (tmp_path / "bytes.polar").write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyError, match=r"bytes\.polar:1: the file is not UTF-8"):
        Policy.load(tmp_path / "bytes.polar")


def test_an_empty_policy_allows_nothing_and_says_so() -> None:
    """A file without an `allow` is a mistake, not a policy."""
    with pytest.raises(PolicyError, match="allow"):
        Policy(b"", "test.polar")


def test_the_version_is_that_of_the_bytes() -> None:
    """One more space is another version."""
    one, two = (Policy((ABOVE + 'may(_: Person, "read", _: Asset);' + end).encode(), "x") for end in ("", " "))
    assert one.version != two.version
    assert len(one.version) == 16
