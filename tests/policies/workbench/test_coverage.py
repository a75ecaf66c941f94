"""Coverage says what another reading of the changed policy says, however little of it is asked anew."""

from pathlib import Path

from policies.workbench import scenarios
from policies.workbench.asking import facts_of, reader
from policies.workbench.coverage import Trial
from policies.workbench.mutants import mutants
from policies.workbench.parsing import parse
from policies.workbench.scenarios import Cell
from policies.workbench.terms import Document
from tests.policies.workbench.small import POLICY, lay_out

MORE = """
has_role(person: Person, "editor", project: Project) if
    member in project.members and member.role = "EDITOR" and member.contributor_id = person.id;
allow(_: Person, "read", _: Asset);
allow(agent: Agent{name: "retention"}, "read", project: Project) if project.id = agent.run;
"""
"""An editor is one by two rules, each of which could go; an asset that there is not; an agent of whose like there is none."""


def test_a_change_is_noticed_by_a_line_that_comes_out_otherwise_or_by_none(tmp_path: Path) -> None:
    """For every rule and condition, also where two rules grant the same and where nothing is ever asked."""
    document = parse(POLICY + MORE)
    tables = scenarios.load(lay_out(tmp_path) / "policies" / "scenarios")

    def decided(policy: Document) -> dict[Cell, set[object]]:
        tracer, found = reader(policy), dict[Cell, set[object]]()
        for who, thing in tables.decisions:
            facts = facts_of(tables.world.people[who])
            found[who, thing] = set() if facts is None else tracer.actions(facts, tables.world.thing(thing))
        return found

    before, trial, missed = decided(document), Trial(document, tables), []
    for mutant in mutants(document):
        after = decided(parse(mutant.source(document)))
        otherwise = {cell for cell in before if before[cell] != after[cell]}
        cell = trial.notices(mutant)
        assert cell in otherwise if otherwise else cell is None, mutant.what
        if cell is None and mutant.text is None:
            missed.append(mutant.rule.span.text(document.source).partition(" if")[0])
    assert missed == [
        'has_role(person: Person, "editor", project: Project)',
        'has_role(person: Person, "editor", project: Project)',
        'allow(_: Person, "read", _: Asset);',
        'allow(agent: Agent{name: "retention"}, "read", project: Project)',
    ]
