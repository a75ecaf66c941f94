"""`policy mutants`: of all the ways to change one thing of the policy, how many the scenarios would notice.

Coverage leaves out what is there; this also writes something else in its place. A change that no line of a table
notices is either not tried, or changes nothing: those stand in `policies/equivalents.yaml`, each with its reason.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from policies.workbench import names
from policies.workbench.coverage import Trial
from policies.workbench.mutants import Mutant, mutants
from policies.workbench.scenarios import Scenarios
from policies.workbench.terms import Document
from policies.workbench.weaker import CHANGES, Weakened, weakened

EQUIVALENTS = Path("policies/equivalents.yaml")
LEFT_OUT = "left out"
HEADINGS = (LEFT_OUT, *CHANGES)


class EquivalentsError(Exception):
    """The file of equivalents can't be used. The message begins with its name."""


@dataclass(frozen=True)
class Change:
    """One mutant, as people name it: the rule as written and what was changed in it."""

    heading: str
    line: int
    rule: str
    what: str
    mutant: Mutant | Weakened


@dataclass
class Score:
    """What became of each: noticed by a table, refused before it was loaded, the same in effect, or missed."""

    noticed: list[Change]
    refused: list[Change]
    equivalent: list[tuple[Change, str]]
    missed: list[Change]
    unneeded: list[str]
    """Equivalents that are named and not there (any more), or are noticed."""

    def counts(self, heading: str) -> tuple[int, int, int, int]:
        """Of one heading: noticed, refused, equivalent, missed."""
        by: Counter[str] = Counter()
        for name, changes in (("n", self.noticed), ("r", self.refused), ("m", self.missed)):
            by[name] += sum(change.heading == heading for change in changes)
        by["e"] += sum(change.heading == heading for change, _ in self.equivalent)
        return by["n"], by["r"], by["e"], by["m"]


def changes(document: Document) -> Iterator[Change]:
    """Every mutant of the policy, in the order of the text."""
    for mutant in mutants(document):
        yield _change(document, LEFT_OUT, mutant.what, mutant)
    for other in weakened(document):
        yield _change(document, other.change, other.what(document), other)


def _change(document: Document, heading: str, what: str, mutant: Mutant | Weakened) -> Change:
    rule, source = mutant.rule, document.source
    within = f"{rule.block}: " if rule.block else ""  # lines of two blocks may read alike
    return Change(heading, rule.span.line(source), within + rule.span.text(source), what, mutant)


def score(document: Document, scenarios: Scenarios, known: dict[tuple[str, str], str], every: int = 1) -> Score:
    """Try every mutant, or every so-manieth. `known` names equivalents by rule and change, with the reason."""
    trial = Trial(document, scenarios)
    found = Score([], [], [], [], [])
    used: set[tuple[str, str]] = set()
    for number, change in enumerate(changes(document)):
        if number % every:
            continue
        because = known.get((change.rule, change.what))
        if _is_refused(change.mutant, document):
            found.refused.append(change)
        elif _is_noticed(trial, change.mutant):
            found.noticed.append(change)
        elif because is not None:
            used.add((change.rule, change.what))
            found.equivalent.append((change, because))
        else:
            found.missed.append(change)
    found.unneeded = [f"{rule}: {what}" for rule, what in known if (rule, what) not in used] if every == 1 else []
    return found


def load(file: Path = EQUIVALENTS) -> dict[tuple[str, str], str]:
    """The equivalents in `file`, by rule and change. Raises EquivalentsError."""
    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8")) or []
    except (OSError, yaml.YAMLError) as problem:
        raise EquivalentsError(f"{file}: can't be read as YAML") from problem
    if not isinstance(entries, list):
        raise EquivalentsError(f"{file.name}: write a list, each entry with rule, change and because")
    found: dict[tuple[str, str], str] = {}
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict) or set(entry) != {"rule", "changes", "because"}:
            raise EquivalentsError(f"{file.name}: entry {number} must say rule, changes and because, and nothing else")
        for change in entry["changes"]:
            found[" ".join(str(entry["rule"]).split()), str(change)] = " ".join(str(entry["because"]).split())
    return found


def _is_refused(mutant: Mutant | Weakened, document: Document) -> bool:
    """Whether `policy check` finds it by its names, before anything is asked.

    Only the changed rule can be misnamed, unless another now asks for what is no longer there.
    """
    if not isinstance(mutant, Weakened):
        return False
    new = mutant.changed(document)
    rules = [*(rule for rule in document.rules if rule is not mutant.rule), *new]
    there = names.defined_by(rules)
    looked_at = new if there >= names.defined_by(document.rules) else rules
    return any(True for _ in names.check_rules(document, looked_at, there))


def _is_noticed(trial: Trial, mutant: Mutant | Weakened) -> bool:
    try:
        return trial.notices(mutant) is not None
    except RecursionError:  # a rule that came to ask for itself: no policy with one loads
        return True


def told(found: Score, file: str) -> str:
    """What no scenario notices, each with its line; then the score."""
    lines = [
        f"{file}:{each.line}: no scenario notices {each.what} ({each.heading})\n    {each.rule}"
        for each in found.missed
    ]
    lines += [f"{EQUIVALENTS}: not needed: {each}" for each in found.unneeded]
    totals = [sum(column) for column in zip(*(found.counts(heading) for heading in HEADINGS), strict=True)]
    count = sum(totals)
    lines.append(
        f"{totals[0] + totals[1]} of {count} changes are found ({totals[1]} of them by `policy check`), "
        f"{totals[2]} change nothing, {totals[3]} are missed."
    )
    return "\n".join(lines)


def as_data(found: Score, file: str) -> dict[str, Any]:
    """The same for a program."""
    return {
        "noticed": len(found.noticed),
        "refused": len(found.refused),
        "equivalent": len(found.equivalent),
        "missed": [_place(each, file) for each in found.missed],
        "unneeded": found.unneeded,
    }


def _place(change: Change, file: str) -> dict[str, Any]:
    return {"file": file, "line": change.line, "heading": change.heading, "change": change.what}
