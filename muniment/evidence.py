"""Evidence on the command line: populations, samples and packs, as an auditor would ask for them at the machine.

Whoever sits there reads as an auditor does, by the policy in force: nobody's name, no content; and it is in the trail.
"""

import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from muniment import controls
from muniment.house import open_house
from muniment.settings import Settings
from policies.principals import Kind, Principal
from resolvers import populations
from resolvers.context import Asking, Context
from resolvers.house import House
from resolvers.populations import Collected
from storage.clock import now
from storage.controls.catalogue import CONTROLS
from storage.controls.criteria import in_order
from storage.controls.findings import Result
from storage.evidence import oscal
from storage.evidence.packs import Pack, manifest
from storage.ids import new_id
from storage.ledger import notes
from storage.ledger.events import EvidencePacked
from storage.populations.catalogue import PopulationName
from storage.populations.envelopes import Sample, software_version
from storage.populations.gathering import Period
from storage.staff import StaffRole

_NOBODY = uuid.UUID(int=0)
"""Whoever sits at the machine has no account."""


@dataclass(frozen=True)
class Packed:
    """What a pack came to."""

    lists: int
    unavailable: list[str]
    failed: int


def collect(settings: Settings, name: PopulationName, period: Period, sample: Sample | None = None) -> Collected:
    """A population, or a sample of one. Raises what `resolvers.populations.collect` raises."""
    with open_house(settings) as house:
        return collected(house, name, period, sample)


def collected(house: House, name: PopulationName, period: Period, sample: Sample | None = None) -> Collected:
    """`collect`, of a house that is open."""
    auditor = Principal(Kind.STAFF, _NOBODY, roles=frozenset({StaffRole.AUDITOR.value}))
    context = Context(house, Asking(auditor))
    with context.asked("collect_evidence"):
        return populations.collect(context, name, period, sample)


def pack(settings: Settings, place: Path, period: Period, told: Callable[[str], object] = lambda _name: None) -> Packed:
    """Write a pack of all populations, the controls, and what checks find now; `told` hears each population's name.

    Raises FileExistsError, OSError, and what `collect` raises; there is nothing at `place` then.
    """
    with open_house(settings) as house, Pack(place) as made:
        results, _ = controls.check(house, settings)
        moment, run = now(), new_id()
        unavailable, checkpoint = [], None
        for name in PopulationName:
            found = collected(house, name, period)
            told(name.value)
            made.add_json(f"populations/{name.value}.envelope.json", found.envelope)
            if found.available:
                made.add(f"populations/{name.value}.jsonl", b"".join(found.lines))
            else:
                unavailable.append(name.value)
            checkpoint = found.envelope["checkpoint"]
        _describe(made, results, run)
        if checkpoint is not None:
            made.add("audit/checkpoint.txt", checkpoint.encode())
        failed = sum(1 for each in results if each.amiss)
        facts = {
            "softwareVersion": software_version(),
            "policyHash": house.policy.hash,
            "checkpoint": checkpoint,
            "checks": len(results),
            "failedChecks": failed,
            "unavailable": unavailable,
        }
        said = manifest(
            pack_id=str(run), origin=house.store.origin, made_at=moment, start=period.start, end=period.end, told=facts
        )
        _record(house, len(PopulationName), failed)
        signer = house.store.keyring.signers()[0]
        made.seal(said, notes.vkey(house.store.origin, signer.public_key), signer.sign)
    return Packed(len(PopulationName) - len(unavailable), unavailable, failed)


def _describe(made: Pack, results: list[Result], run: uuid.UUID) -> None:
    moment, version = now(), software_version()
    made.add_json("controls.json", _controls(results))
    made.add_json("oscal/catalog.json", oscal.catalog(moment, version))
    made.add_json("oscal/component-definition.json", oscal.component_definition(moment, version))
    made.add_json("oscal/assessment-results.json", oscal.assessment_results(results, run, moment, version))


def _controls(results: list[Result]) -> dict[str, Any]:
    """The catalogue with what each check found, and for each criterion what remains with the operator."""
    found = {each.check: {"check": each.check, "amiss": each.amiss, "text": each.text} for each in results}
    told = [asdict(each) | {"checks": [found[check] for check in each.checks]} for each in CONTROLS]
    criteria = [asdict(each) | {"reach": each.reach.value} for each in in_order()]
    return {"controls": told, "criteria": criteria}


def _record(house: House, lists: int, failed: int) -> None:
    with house.store.begin(controls.scope(house)) as work:
        work.record(EvidencePacked(resource_id=None, subject_id=None, population_count=lists, failed_count=failed))
