"""How trials are told: to a person, to a program, and to whatever reads JUnit's files."""

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from policies.workbench.trials import Trial


def told(trials: Sequence[Trial]) -> str:
    """Each line that differs, then the count."""
    wrong = [trial for trial in trials if not trial.holds]
    lines = [f"{trial.place}: {trial.about}\n    {trial.difference()}" for trial in wrong]
    return "\n".join([*lines, f"{len(trials) - len(wrong)} of {len(trials)} decisions are as written."])


def as_data(trial: Trial) -> dict[str, Any]:
    """One trial for a program."""
    return {
        "file": trial.place.file,
        "line": trial.place.line,
        "about": trial.about,
        "holds": trial.holds,
        "wanted": sorted(trial.wanted),
        "decided": sorted(trial.decided),
    }


def junit(trials: Sequence[Trial]) -> str:
    """The file that JUnit would write: one suite per file of scenarios, one case per line."""
    root = ElementTree.Element("testsuites")
    for file in dict.fromkeys(trial.place.file for trial in trials):
        mine = [trial for trial in trials if trial.place.file == file]
        failures = sum(not trial.holds for trial in mine)
        suite = ElementTree.SubElement(root, "testsuite", name=file, tests=str(len(mine)), failures=str(failures))
        for trial in mine:
            case = ElementTree.SubElement(
                suite, "testcase", classname=file, name=trial.about, line=str(trial.place.line)
            )
            if not trial.holds:
                ElementTree.SubElement(case, "failure", message=trial.difference()).text = str(trial.place)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)
