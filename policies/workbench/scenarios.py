"""Scenarios: what the policy must decide, written as tables. One file describes the world, the others what holds in it.

    about: Who may do what in a project.
    decisions:
      atlas: |
        who | read | read_content | update
        ada | yes  | yes          | yes
        vic | yes  | yes          | -

Whoever of the world's people stands in no line of a table may do nothing with that thing, and an action without a
column nobody may do. A thing may have several tables, each about actions of its own. `lists:` names, per kind of
thing, the rows that somebody's list holds, neither more nor fewer.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from policies.actions import Action
from policies.workbench.casts import MODELS, THE_PLATFORM, Unclear, World, build

FOLDER = Path("policies/scenarios")
"""Where the house's own scenarios stand, seen from its root, where everything is run."""
WORLD = "world.yaml"
YES, NO = "yes", "-"

Cell = tuple[str, str]
"""Somebody and something, by their names."""


class ScenarioError(Exception):
    """Scenarios can't be run as they stand. The message begins with file:line."""


@dataclass(frozen=True)
class Place:
    """A line of a file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Listing:
    """Whose list of what holds which rows."""

    who: str
    action: Action
    model: str
    rows: frozenset[str]
    place: Place


@dataclass
class Scenarios:
    """All of it. `decisions` has an entry for every person and every thing that has a table; most may do nothing."""

    world: World
    decisions: dict[Cell, frozenset[str]] = field(default_factory=dict)
    places: dict[Cell, Place] = field(default_factory=dict)
    lists: list[Listing] = field(default_factory=list)
    columns: dict[str, dict[str, Place]] = field(default_factory=dict)
    """Per thing, the actions that a table speaks of, and where."""
    lines: dict[tuple[str, str, str], Place] = field(default_factory=dict)
    """Where a table says of somebody and something whether they may do this."""

    def place_of(self, cell: Cell, actions: Iterable[str]) -> Place:
        """The line that speaks of one of `actions`, or else one that speaks of the two."""
        told = (self.lines.get((*cell, action)) or self.columns[cell[1]].get(action) for action in sorted(actions))
        return next((place for place in told if place), self.places[cell])


def load(folder: Path = FOLDER) -> Scenarios:
    """The scenarios in `folder`. Raises ScenarioError."""
    described = _read(folder / WORLD)
    try:
        world = build(_plain(described.get("people")), _plain(described.get("things")))
    except Unclear as problem:
        raise ScenarioError(f"{WORLD}:1: {problem}") from problem
    found = Scenarios(world)
    for file in sorted(folder.glob("*.yaml")):
        if file.name != WORLD:
            _tables(_read(file), file.name, found)
    return found


def _tables(parts: dict[str, yaml.Node], file: str, found: Scenarios) -> None:
    for part, node in parts.items():
        match part:
            case "about":
                continue
            case "decisions":
                for thing, table in _named(node, file):
                    _decisions(str(thing.value), table, Place(file, thing.start_mark.line + 1), found)
            case "lists":
                for model, table in _named(node, file):
                    _lists(str(model.value), table, Place(file, model.start_mark.line + 1), found)
            case _:
                where = f"{file}:{node.start_mark.line + 1}"
                raise ScenarioError(f"{where}: “{part}” means nothing here: about, decisions, lists")


def _decisions(thing: str, table: yaml.Node, place: Place, found: Scenarios) -> None:
    if thing != THE_PLATFORM and thing not in found.world.things:
        raise ScenarioError(f"{place}: the world has no “{thing}”: describe it in {WORLD}")
    lines = _lines(table, place.file)
    header, where = next(lines, ([], place))
    actions = header[1:]
    if strange := [action for action in actions if action not in set(Action)]:
        raise ScenarioError(f"{where}: “{strange[0]}” is no action: policies/actions.py has the list")
    columns = found.columns.setdefault(thing, {})
    for action in actions:
        if action in columns:
            raise ScenarioError(f"{where}: who may {action} “{thing}” stands at {columns[action]} already")
        columns[action] = where
    for who in found.world.people:
        found.decisions.setdefault((who, thing), frozenset())
        found.places.setdefault((who, thing), place)
    for cells, line in lines:
        who = cells[0]
        if who not in found.world.people:
            raise ScenarioError(f"{line}: the world has nobody called “{who}”: describe them in {WORLD}")
        if len(cells) != len(header) or (odd := set(cells[1:]) - {YES, NO}):
            told = f"“{sorted(odd)[0]}”" if len(cells) == len(header) else f"{len(cells) - 1} answers"
            raise ScenarioError(f"{line}: {told} for {len(actions)} actions: write {YES} or {NO} under each")
        found.decisions[who, thing] |= {a for a, said in zip(actions, cells[1:], strict=True) if said == YES}
        found.places[who, thing] = line
        found.lines.update(dict.fromkeys(((who, thing, action) for action in actions), line))


def _lists(model: str, table: yaml.Node, place: Place, found: Scenarios) -> None:
    if model not in MODELS:
        raise ScenarioError(f"{place}: there is no {model}: {', '.join(sorted(MODELS))}")
    lines = _lines(table, place.file)
    header, where = next(lines, ([], place))
    if header != ["who", "action", "rows"]:
        raise ScenarioError(f"{where}: a list has the columns who | action | rows")
    for cells, line in lines:
        rows = frozenset(name.strip() for name in cells[-1].split(",")) - {"", NO}
        unknown = sorted(rows - set(found.world.things))
        if len(cells) != 3 or cells[0] not in found.world.people or cells[1] not in set(Action) or unknown:
            odd = unknown[0] if unknown else cells[0]
            raise ScenarioError(f"{line}: the world, or the list of actions, does not know what this says (“{odd}”)")
        found.lists.append(Listing(cells[0], Action(cells[1]), model, rows, line))


def _lines(table: yaml.Node, file: str) -> Iterator[tuple[list[str], Place]]:
    if not isinstance(table, yaml.ScalarNode) or table.style != "|":
        line = table.start_mark.line + 1
        raise ScenarioError(f"{file}:{line}: a table stands behind “|”, one line per person")
    for number, line in enumerate(str(table.value).splitlines(), table.start_mark.line + 2):
        if line.strip():
            yield [cell.strip() for cell in line.split("|")], Place(file, number)


def _named(node: yaml.Node, file: str) -> list[tuple[yaml.Node, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        raise ScenarioError(f"{file}:{node.start_mark.line + 1}: here belong names, each with its table")
    pairs: list[tuple[yaml.Node, yaml.Node]] = node.value
    return pairs


def _read(file: Path) -> dict[str, yaml.Node]:
    try:
        node = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as problem:
        raise ScenarioError(f"{file.name}:1: can't be read") from problem
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise ScenarioError(f"{file.name}:{line}: this is no YAML: {problem.problem}") from problem
    if node is None:
        return {}
    return {str(key.value): value for key, value in _named(node, file.name)}


def _plain(node: yaml.Node | None) -> dict[str, Any]:
    if node is None:
        return {}
    value = yaml.SafeLoader("").construct_document(node)
    return value if isinstance(value, dict) else {}
