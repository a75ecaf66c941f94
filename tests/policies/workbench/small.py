"""A policy and a world of a few lines, which load at once."""

from pathlib import Path

POLICY = """\
# Whoever owns a project sees it.
allow(person: Person, action: String, thing) if has_permission(person, action, thing);

actor Person {}

resource Project {
    permissions = ["read", "update", "share"];
    roles = ["owner", "editor"];

    "editor" if "owner";
    "read" if "editor";
    "update" if "editor";
    "share" if "owner";
}

has_role(person: Person, "owner", project: Project) if project.owner_id = person.id;
has_role(person: Person, "editor", project: Project) if
    member in project.members and member.contributor_id = person.id and member.role = "EDITOR";
"""

WORLD = """\
people:
  nobody:
  ada: {contributor: ada}
  eve: {contributor: eve}
  vic: {contributor: vic}
things:
  Project:
    atlas: {owner: ada}
    book: {owner: bob}
  ProjectMember:
    eve in atlas: {project: atlas, owner: ada, contributor: eve, role: EDITOR}
    vic in atlas: {project: atlas, owner: ada, contributor: vic, role: VIEWER}
"""

TABLES = """\
about: Projects.
decisions:
  atlas: |
    who | read | update | share
    ada | yes  | yes    | yes
    eve | yes  | yes    | -
  book: |
    who | read
lists:
  Project: |
    who | action | rows
    ada | read   | atlas
    vic | read   | -
"""


def lay_out(place: Path, policy: str = POLICY, tables: str = TABLES, world: str = WORLD) -> Path:
    """Files as they stand in the house, below `place`."""
    folder = place / "policies" / "scenarios"
    folder.mkdir(parents=True)
    (place / "docs").mkdir()
    (place / "policy.polar").write_text(policy)
    (folder / "world.yaml").write_text(world)
    (folder / "projects.yaml").write_text(tables)
    (place / "policies" / "approvals.yaml").write_text("[]\n")
    return place
