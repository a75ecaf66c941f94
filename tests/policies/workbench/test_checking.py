"""`policy check` finds what is wrong, underlines it, and says what to write."""

from pathlib import Path

import pytest

from policies.workbench import checking
from policies.workbench.problems import as_data, told
from tests.contract.source import ROOT
from tests.policies.workbench.small import POLICY


def look_over(source: str) -> checking.Checked:
    """What is found in a policy."""
    return checking.check_source(source.encode(), "test.polar")


def with_rule(rule: str) -> str:
    """The small policy with one more rule."""
    return f"{POLICY}{rule}\n"


def found_in(source: str) -> list[tuple[str, int, str, str]]:
    """Kind, line, underlined words and advice of each finding."""
    return [(p.kind, p.span.line(source), p.span.text(source), p.advice) for p in look_over(source).problems]


ERRORS = {
    'has_role(person: Person, "owner", project: Project) if project.ownr_id = person.id;': (
        "unknown-field", "ownr_id", "owner_id",
    ),
    'has_role(person: Persn, "owner", project: Project) if project.owner_id = person.id;': (
        "unknown-class", "Persn", "Person",
    ),
    'has_role(person: Person, "owner", project: Project) if owns(person, project);': (
        "unknown-rule", "owns(person, project)", "a rule owns(…), or another condition",
    ),
    'has_role(person: Person, "owner", project: Project) if has_rol(person, "owner", project);': (
        "unknown-rule", 'has_rol(person, "owner", project)', "has_role",
    ),
    'has_role(person: Person, "owner", project: Project) if has_role(person, project);': (
        "wrong-arity", "has_role(person, project)", "",
    ),
    'has_permission(_: Person, "raed", _: Project);': ("unknown-action", '"raed"', '"read"'),
    "allow(_: Person, _, _: Project);": ("every-action", "_", "the actions it is about, each by its name"),
    'has_role(_: Person, "owner", project: Project) if project.name = "x";': (
        "no-such-comparison", 'project.name = "x"', "no rule may depend on content",
    ),
    'has_role(_: Person, "owner", project: Project) if m in project.members and m.role = "OWNER";': (
        "no-such-comparison", 'm.role = "OWNER"', "write one of EDITOR, VIEWER",
    ),
    'has_role(_: Person, "owner", project: Project) if m in project.members and m.role < "VIEWER";': (
        "no-such-comparison", 'm.role < "VIEWER"', "use = or in",
    ),
    'has_role(person: Person, "owner", project: Project) if person.id.startswith(project.id);': (
        "method", "person.id.startswith(project.id)", "a comparison of a plain column",
    ),
    'has_role(person: Person, "owner", project: Project) if not project.owner_id = person.id;': (
        "no-sql", "not", "write `!=`, `>=`, `= false`, or what must be there",
    ),
    'has_role(person: Person, "owner", project: Project) if project.owner_id = person.id and;': (
        "syntax", ";", "put “and” or “or” between two conditions, and “;” behind the last",
    ),
    'has_role(person: Person "owner", project: Project) if project.owner_id = person.id;': (
        "syntax", '"owner"', "write “,” here",
    ),
    'resource Asset { permissions = ["read"]; "read" if "owner"; }': (
        "undeclared-word", '"owner"', 'add "owner" to a declaration of the block',
    ),
    'resource Asset { permissions = ["red"]; }': ("unknown-action", '"red"', '"read"'),
    "resource Projekt { permissions = []; }": ("unknown-class", "Projekt", "Project"),
}  # fmt: skip


@pytest.mark.parametrize("rule", ERRORS)
def test_an_error_names_its_line_underlines_its_words_and_says_what_to_write(rule: str) -> None:
    """A policy with it is not loaded; the finding is about those very words and no more."""
    checked = look_over(with_rule(rule))
    assert checked.policy is None
    assert all(problem.error for problem in checked.problems)
    kind, words, advice = ERRORS[rule]
    assert (kind, with_rule(rule).count("\n"), words, advice) in found_in(with_rule(rule))


@pytest.mark.parametrize(
    ("rule", "kind", "words"),
    [
        ("spare(_: Person, _: Project);", "unused-rule", "spare(_: Person, _: Project);"),
        ('has_role(_: Person, "guest", _: Project);', "unreachable-rule", 'has_role(_: Person, "guest", _: Project);'),
        (
            'has_role(p: Person, "editor", x: Project) if has_permission(p, "delete", x);',
            "impossible-condition", 'has_permission(p, "delete", x)',
        ),
        (
            'has_role(me: Person, "owner", it: Project) if it.created_at = it.updated_at and it.owner_id = me.id;',
            "shadowed-rule",
            'has_role(me: Person, "owner", it: Project) if it.created_at = it.updated_at and it.owner_id = me.id;',
        ),
        (
            'allow(_: Agent{name: "exprots"}, "read", _: Project);',
            "unreachable-rule", 'allow(_: Agent{name: "exprots"}, "read", _: Project);',
        ),
    ],
)  # fmt: skip
def test_a_rule_that_does_nothing_is_a_warning(rule: str, kind: str, words: str) -> None:
    """The policy loads, and the finding says which rule is not meant as it stands."""
    checked = look_over(with_rule(rule))
    assert checked.policy is not None
    assert (kind, words) in [(p.kind, p.span.text(checked.source)) for p in checked.problems if not p.error]


def test_a_job_without_its_statement_or_owner_is_a_warning() -> None:
    """Access is given for a job that is written down, and somebody answers for it."""
    rules = (
        "allow(staff: Staff, action: String, thing) if role in staff.roles and job(role, action, thing);\n"
        'job("SUPPORT", "read", _: Project);\n\n# Trail.\njob("AUDITOR", "read", _: Project);\n\n'
        '# Incidents.\n# Owner: head of security\njob("SECURITY", "read", _: Project);'
    )
    told_of = [p.message for p in look_over(with_rule(rules)).problems]
    assert told_of == [
        "no comment says what it is for above the first rule of SUPPORT",
        "no comment names who answers for it above the first rule of AUDITOR",
    ]


def test_every_error_is_told_at_once() -> None:
    """Three slips take one round to mend, not three."""
    source = with_rule("").replace("owner_id", "ownr_id").replace('"share" if', '"shar" if').replace("m: P", "m: Q")
    assert {problem.kind for problem in look_over(source).problems} == {"unknown-field", "undeclared-word"}


def test_what_only_the_compiler_finds_is_told_with_its_line() -> None:
    """The rule is underlined and the policy not loaded."""
    source = with_rule('has_role(person: Person, "owner", _: Project) if person.id = "ada";')
    (problem,) = look_over(source).problems
    assert (problem.kind, problem.span.line(source)) == ("not-compiled", source.count("\n"))


def test_a_finding_is_laid_out_like_a_compiler_s() -> None:
    """Where, the line, carets under the words, what it means, what to write."""
    source = with_rule('has_permission(_: Person, "raed", _: Project);')
    (problem,) = look_over(source).problems
    assert told(problem, source, "test.polar").splitlines() == [
        "error[unknown-action]: “raed” is no action",
        "  --> test.polar:19:27",
        "   |",
        '19 | has_permission(_: Person, "raed", _: Project);',
        "   |                           ^^^^^^",
        "   = nobody ever asks for it; policies/actions.py has the list",
        '   = write: "read"',
    ]
    data = as_data(problem, source, "test.polar")
    assert (data["line"], data["column"], data["endLine"], data["endColumn"]) == (19, 27, 19, 33)
    assert data["severity"] == "error"


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"\xff\xfe", "not-text"), (b"# " * 600_000, "too-long"), (b"", "no-allow"), (b'allow(a, "', "syntax")],
)
def test_what_is_no_policy_is_refused(content: bytes, kind: str) -> None:
    """Bytes, ten megabytes, nothing, half a line: each has its finding, and none is loaded."""
    checked = checking.check_source(content, "test.polar")
    assert [problem.kind for problem in checked.problems] == [kind]
    assert checked.policy is None
    assert told(checked.problems[0], checked.source, "test.polar").startswith(f"error[{kind}]: ")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """There is no policy by default."""
    checked = checking.check(tmp_path / "none.polar")
    assert [problem.kind for problem in checked.problems] == ["unreadable"]


def test_the_house_s_own_policy_has_no_finding() -> None:
    """`policy check` is part of `make check`."""
    checked = checking.check(ROOT / "policy.polar")
    assert [told(problem, checked.source, checked.file) for problem in checked.problems] == []
    assert checked.policy is not None
