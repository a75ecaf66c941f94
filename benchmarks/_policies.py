"""A policy such as a larger house might have: policy.polar, with more roles, staff jobs and scopes, to 500 rules."""

import re
from collections.abc import Iterator
from itertools import cycle, product
from pathlib import Path

from policies.workbench.parsing import parse

POLICY = Path(__file__).parents[1] / "policy.polar"
_ROLES = ("reviewer", "publisher", "commenter", "archivist", "translator", "producer", "guest", "trainee")
_INSIDE = {
    "Asset": "update",
    "Prompt": "cancel",
    "PromptStep": "read_content",
    "PromptAsset": "read",
    "Output": "delete",
}
_COLUMN = {
    "Asset": 'thing.status = "{}"',
    "Prompt": "thing.variations > {}",
    "Output": "thing.byte_size > {}",
    "Export": "thing.byte_size > {}",
}
_JOBS = ("SUPPORT", "SYSADMIN", "PRIVACY", "SECURITY", "AUDITOR")
_SCOPES = ("read", "write", "export")
_ACTIONS = ("read", "update", "cancel", "export", "revoke", "share")


def grown(rules: int = 500) -> str:
    """The text of a policy of so many rules. Members of a project hold the further roles."""
    text = POLICY.read_text(encoding="utf-8")
    for role in _ROLES:
        text = _with_role(text, role)
    further = _staff_and_keys()
    while (missing := rules - len(parse(text).rules)) > 0:
        text += "\n" + "\n".join(next(further) for _ in range(missing)) + "\n"
    return text


def _with_role(text: str, role: str) -> str:
    text = _in_block(text, "Project", role, [f'"viewer" if "{role}";', f'"{_INSIDE["Asset"]}" if "{role}";'])
    for model, action in _INSIDE.items():
        lines = [f'"{role}" if "{role}" on "project";', f'"read" if "{role}";', f'"{action}" if "{role}";']
        text = _in_block(text, model, role, lines)
    held = "EDITOR" if _ROLES.index(role) % 2 else "VIEWER"
    return text + (
        f'\nhas_role(person: Person, "{role}", project: Project) if\n    member in project.members and '
        f'member.contributor_id = person.id and member.role = "{held}" and project.owner_id != member.owner_id;\n'
    )


def _in_block(text: str, model: str, role: str, lines: list[str]) -> str:
    """`text` with a role more, and these lines, in the block of `model`."""
    block = re.compile(rf"(resource {model} {{.*?roles = \[)([^\]]*)(\];)(.*?)(\n}})", re.DOTALL)
    return block.sub(rf'\1\2, "{role}"\3\4\n    ' + "\n    ".join(lines) + r"\5", text, count=1)


def _staff_and_keys() -> Iterator[str]:
    """What a staff job or a key's scope reaches, one line after another without end."""
    for number, (action, model) in cycle(enumerate(product(_ACTIONS, _COLUMN))):
        condition = _COLUMN[model].format("AVAILABLE" if model == "Asset" else number)
        yield f'job("{_JOBS[number % 5]}", "{action}", thing: {model}) if {condition};'
        yield f'covers("{_SCOPES[number % 3]}", "{action}", thing: {model}) if {condition};'
