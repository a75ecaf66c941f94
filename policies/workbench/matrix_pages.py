"""`docs/access-matrix.md`: the access matrix as a page, for those who review who may do what."""

from collections.abc import Iterator
from pathlib import Path

from policies.workbench.matrices import ROLES, Resource
from policies.workbench.roles import Statement, statements
from policies.workbench.terms import Document

PAGE = Path("docs/access-matrix.md")

_HEAD = """\
# Who may do what

Every kind of principal, what it may do with which rows, and which fields it sees of them, as `policy.polar` compiles. A
number in a table is a way to be allowed, told below it: a right holds for the rows for which one of its ways is true.
No number: nobody of that kind may, ever.

**read** shows plain fields: ids, times, sizes, states. **read_content** opens sealed fields and files. Every other
action is one operation of the API. Keyed hashes and credentials are shown to nobody.

This page is generated: run `python -m muniment policy matrix` after changing the policy, and read the difference.

## Roles

| role | what it is for | who answers for it |
|---|---|---|
"""


def page(resources: list[Resource], document: Document) -> str:
    """The page as it should stand."""
    return _HEAD + "\n".join([*_roles(document), "", *(line for each in resources for line in _resource(each))])


def _roles(document: Document) -> Iterator[str]:
    said = statements(document)
    own = {
        "anonymous": Statement("Whoever has not said who they are may do nothing.", "nobody", None),
        "contributor": Statement(
            "Who owns the work: what is theirs, and what is shared with them.", "themselves", None
        ),
        "contributor, stepped up": Statement("The same person, having just proved it again.", "themselves", None),
        "departing contributor": Statement("Watches the erasure of their account.", "themselves", None),
    }
    for role in ROLES:
        word = role.partition(": ")[2]
        statement = own.get(role) or said[word if word in said else word.upper()]
        yield f"| {role} | {statement.job} | {statement.owner or 'the contributor who made it'} |"


def _resource(resource: Resource) -> Iterator[str]:
    yield f"## {resource.name}\n"
    actions = resource.actions()
    if not actions:
        yield "Nobody may do anything with it by itself.\n"
        return
    yield f"| role | {' | '.join(actions)} |"
    yield "|---" * (len(actions) + 1) + "|"
    for role, rights in resource.rights.items():
        if rights:
            cells = (", ".join(map(str, rights.get(action, []))) for action in actions)
            yield f"| {role} | {' | '.join(cells)} |"
    yield ""
    for number, words in enumerate(resource.ways, 1):
        yield f"{number}. {words}"
    yield ""
    if resource.fields:
        yield "| fields | take | and are seen by |"
        yield "|---|---|---|"
        for taken in dict.fromkeys(resource.fields.values()):
            names = [name for name, needed in resource.fields.items() if needed == taken]
            yield f"| {', '.join(names)} | {taken} | {'; '.join(resource.seen_by(names[0])) or 'nobody'} |"
        yield ""
