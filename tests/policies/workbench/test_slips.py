"""What a policy author gets wrong one day, and what would hang or break the program that reads it: each is told."""

import pytest

from policies.workbench import checking
from policies.workbench.problems import told
from policies.workbench.reachability import BROADEST, DEEPEST
from tests.policies.workbench.small import POLICY

OWNS = 'has_role(person: Person, "owner", project: Project) if project.owner_id = person.id'
MEMBER = 'has_role(p: Person, "editor", x: Project) if m in x.members and m.contributor_id = p.id'
STAFF = 'allow(s: Staff, "read", _: Project) if role in s.roles'


def findings(rules: str) -> list[tuple[str, bool, str]]:
    """Kind, whether it keeps the policy out, and the underlined words of each finding."""
    checked = checking.check_source(f"{POLICY}{rules}\n".encode(), "test.polar")
    assert (checked.policy is None) is any(problem.error for problem in checked.problems)
    return [(p.kind, p.error, p.span.text(checked.source)) for p in checked.problems]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (f'{MEMBER} and m.role = "EDITOR" and m.role = "VIEWER";', 'm.role = "VIEWER"'),
        (f'{MEMBER} and m.role in ["VIEWER"] and "EDITOR" = m.role;', '"EDITOR" = m.role'),
        (f"{OWNS} and project.owner_id != person.id;", "project.owner_id != person.id"),
        (f"{OWNS} and 1 = 2;", "1 = 2"),
        (f"{OWNS} and (1 = 2 or project.id = person.id);", "1 = 2"),
        (f'{STAFF} and role = "GARDENER";', 'role = "GARDENER"'),
        ('allow(s: Staff, "read", _: Project) if "GARDENER" in s.roles;', '"GARDENER" in s.roles'),
        ('allow(s: Staff{mfa: true}, "read", _: Project) if s.mfa = false;', "s.mfa = false"),
    ],
)
def test_a_rule_that_can_never_match_is_told_with_the_condition_that_spoils_it(rule: str, words: str) -> None:
    """It warns an author, and keeps a policy from coming into force."""
    assert ("impossible-condition", False, words) in findings(rule)


@pytest.mark.parametrize(
    ("low", "high", "possible"),
    [
        ("> 5", "< 3", False),
        (">= 3", "<= 3", True),
        ("> 3", "<= 3", False),
        ("> 3", "< 4", True),
        ("> 3", "= 3", False),
    ],
)
def test_orders_are_held_against_one_another(low: str, high: str, possible: bool) -> None:
    """Between two bounds there is something, or the rule is vain."""
    head = 'allow(_: Staff{mfa: true}, "read", a: Asset) if '
    found = findings(f"{head}a.byte_size {low} and a.byte_size {high};")
    assert (f"a.byte_size {high}" not in {words for _, _, words in found}) is possible


def test_conditions_that_can_hold_together_are_no_finding() -> None:
    """Alternatives exclude one another and are none the worse for it; two rows of a relation may differ."""
    alternatives = f'{MEMBER} and (m.role = "EDITOR" or m.role = "VIEWER") and m.role in ["EDITOR", "VIEWER"];'
    rows = f'{MEMBER} and n in x.members and m.role = "EDITOR" and n.role = "VIEWER" and m.role != "VIEWER";'
    assert not [kind for kind, *_ in findings(alternatives) + findings(rows) if kind == "impossible-condition"]


def chain(length: int) -> str:
    """Rules each of which asks for the next."""
    steps = "".join(f"\nr{n}(p, x) if r{n + 1}(p, x);" for n in range(length))
    return f'\nallow(p: Staff, "read", x: Project) if r0(p, x);{steps}\nr{length}(_: Staff, x: Project) if x.id = x.id;'


TWICE = "".join(f"\nr{n}(p, x) if r{n + 1}(p, x) and r{n + 1}(p, x);" for n in range(20))
OR = " and ".join(f"(project.id = project.id or project.owner_id = project.id or {n} = {n})" for n in range(8))


@pytest.mark.parametrize(
    ("rules", "kind"),
    [
        (f"{OWNS} and {'(' * 5000}1 = 1{')' * 5000};", "syntax"),
        (f"{OWNS} and project.id = {'[' * 5000}{']' * 5000};", "syntax"),
        (f"{OWNS} and project.id = project{'.project' * 5000};", "syntax"),
        (f"{OWNS} and 1 = {'1+' * 5000}1;", "syntax"),
        (f"{OWNS} and 1 < {'9' * 5000};", "syntax"),
        (f"{OWNS} and {'f(' * 5000}1{')' * 5000};", "syntax"),
        (chain(3000), "too-deep"),
        (chain(DEEPEST + 1), "too-deep"),
        (f'\nallow(p: Staff, "read", x: Project) if r0(p, x);{TWICE}\nr20(_, _) if 1 = 1 or 2 = 2;', "too-many-ways"),
        (f"{OWNS} and {OR};", "too-many-ways"),
        (f"{OWNS} and ({' or '.join(f'{n} = {n}' for n in range(BROADEST + 1))});", "too-many-ways"),
        ('has_permission(_: Person, "read", _: Project)\0;', "syntax"),
        ('allow(_: Anonymous, "read", _: Project);', "anybody"),
        ('allow(_: Person, "read", project: Project);', "lonely-name"),
        ("resource Project { permissions = []; }", "second-block"),
    ],
    ids=lambda value: value if len(value) < 20 else "",
)
def test_what_would_take_the_reader_down_is_refused_at_once(rules: str, kind: str) -> None:
    """One finding that says what it is: no trace of ours, no recursion, no minutes of thinking."""
    checked = checking.check_source(f"{POLICY}{rules}\n".encode(), "test.polar")
    assert checked.policy is None
    assert [problem.kind for problem in checked.problems] == [kind]
    shown = told(checked.problems[0], checked.source, checked.file)
    assert max(map(len, shown.splitlines())) < 300
    assert all(letter.isprintable() for line in shown.splitlines() for letter in line)


def test_what_people_write_stays_within_the_bounds() -> None:
    """Forty rules below one another and three brackets are no fault."""
    brackets = 'allow(s: Staff, "update", x: Project) if (((s.mfa = true))) and ((x.created_at = x.updated_at));'
    assert findings(f"{chain(DEEPEST - 2)}\n{brackets}") == []


@pytest.mark.parametrize(
    ("content", "kind"), [(b"\xef\xbb\xbf" + POLICY.encode(), "not-text"), (b"# nothing\n", "no-allow")]
)
def test_a_mark_before_the_text_and_a_policy_without_a_beginning(content: bytes, kind: str) -> None:
    """What editors put there unseen, and what was never begun."""
    assert [problem.kind for problem in checking.check_source(content, "x").problems] == [kind]


def test_a_message_moves_no_cursor() -> None:
    """What stands in a policy may come from somebody else, and goes to a terminal."""
    checked = checking.check_source(f'{POLICY}allow(_: Person, "re\x1b[2J\nad", _: Project);'.encode(), "test.polar")
    shown = told(checked.problems[0], checked.source, checked.file)
    assert "\x1b" not in shown
    assert "“re\\x1b[2J\\nad” is no action" in shown
