"""Documents that run: commands they name exist, each error code has its page, each decision its check."""

import re
from functools import cache
from typing import Any

import typer

from muniment.cli import app
from resolvers.errors import Code
from tests.contract.source import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
COMMAND = cache(lambda: typer.main.get_command(app))
DECISIONS = sorted(ROOT.glob("docs/decisions/[0-9]*.md"))
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def relative(path: object) -> str:
    """A document's path, as messages name it."""
    return str(path).removeprefix(f"{ROOT}/")


def test_commands_in_documents_exist() -> None:
    """Each `make …` is a target, each `python -m muniment …` a command with those options."""
    for document in DOCUMENTS:
        _demand_commands(relative(document), document.read_text())


def _demand_commands(where: str, text: str) -> None:
    code = re.findall(r"`([^`\n]+)`", text) + [
        line for block in re.findall(r"```[^`\n]*\n(.*?)```", text, re.DOTALL) for line in block.splitlines()
    ]
    for snippet in code:
        for target in re.findall(r"(?:^|[;&|$] *)make ([a-z]+)", snippet):
            assert target in TARGETS, f"{where}: {snippet}"
        if called := re.search(r"python -m muniment ([a-z].*)", snippet):
            _demand_command(called[1].split(), f"{where}: {snippet}")


def _demand_command(words: list[str], snippet: str) -> None:
    command: Any = COMMAND()
    while (known := getattr(command, "commands", None)) and words:
        assert words[0] in known, snippet
        command = known[words.pop(0)]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= options, snippet


def test_each_error_code_has_its_page_and_each_page_its_code() -> None:
    """`docs/errors/CODE.md` is where a client lands with a code in hand."""
    assert {path.stem for path in ROOT.glob("docs/errors/*.md")} - {"README"} == {code.value for code in Code}


def test_error_pages_say_what_happened_and_what_to_do() -> None:
    """Each page opens with its code and has both parts, with words in them."""
    for code in Code:
        page = (ROOT / "docs" / "errors" / f"{code.value}.md").read_text()
        assert page.startswith(f"# {code.value}\n")
        for part in ("## What happened", "## What to do"):
            words = page.partition(f"{part}\n")[2].partition("\n## ")[0].split()
            assert len(words) >= 8, f"{code.value}: {part}"


def test_decisions_end_with_what_enforces_them() -> None:
    """A rule is a decision record with a check, or it is a wish."""
    for record in DECISIONS:
        last = record.read_text().rstrip().splitlines()[-1]
        assert last.startswith("Enforced by: "), record.name
        named = re.findall(r"`([^`]+)`", last)
        assert named, record.name
        assert [name for name in named if not (ROOT / name).exists()] == [], record.name


def test_decisions_are_numbered_without_gaps() -> None:
    """A number, once given, stays; a superseded record says by which."""
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_links_between_documents_lead_somewhere() -> None:
    """A relative link names a file that is there."""
    links = [
        (path, link)
        for path in DOCUMENTS
        for link in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", path.read_text())
    ]
    assert len(links) >= 100
    assert [(relative(path), link) for path, link in links if not (path.parent / link).exists()] == []


def test_the_tests_that_documents_name_exist() -> None:
    """As `tests/a/test_b.py::test_c`: a table that says what is shown where is no better than its tests."""
    named = [found for path in DOCUMENTS for found in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", path.read_text())]
    assert len(named) >= 10
    assert [(file, test) for file, test in named if f"def {test}(" not in (ROOT / file).read_text()] == []
