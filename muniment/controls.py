"""The live checks of controls: each looks at this installation as it stands, and can fail.

Some are what the doctor says, some count in the database (`storage/controls/measures.py`). What a check is for, who
answers for it, and what else there is to the control stands in `storage/controls/catalogue.py`.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import structlog

from agents import loops
from muniment import doctor
from muniment.findings import Finding as Told
from muniment.settings import Settings
from policies.principals import Kind
from resolvers import controls
from resolvers.house import House
from storage.clock import now
from storage.controls import catalogue, findings, measures
from storage.controls.catalogue import Control
from storage.controls.findings import Kept, Result
from storage.database import transaction
from storage.ledger.scope import AuditScope
from storage.open_databases import OpenDatabases

COMPONENT = "controls"

OF_THE_DOCTOR: dict[str, frozenset[str]] = {
    "backups": frozenset({"backups"}),
    "key-age": frozenset({"key age", "rotation"}),
    "key-encryption-key": frozenset({"key-encryption key"}),
    "keysets-kept": frozenset({"keys", "keysets", "open files"}),
    "keys-apart": frozenset({"separation"}),
    "policy": frozenset({"policy"}),
    "private-places": frozenset({"TLS key", "database", "directory", "key store"}),
    "room": frozenset({"disk", "quotas"}),
    "software": frozenset({"cryptography", "policy engine", "python"}),
    "transport": frozenset({"TLS"}),
}
"""Checks that go by what the doctor says about these things. One about which it says nothing has failed."""

CHECKS = frozenset({*OF_THE_DOCTOR, *measures.MEASURES})
"""Every check there is, by the name under which controls call it."""

_EVERY = timedelta(hours=23)
"""Once a day, at whatever hour the agents come to it."""

log = structlog.get_logger("muniment.controls")


def look(house: House, settings: Settings) -> list[Result]:
    """Run every check, in the order of the catalogue; changes nothing."""
    try:
        told: Sequence[Told] = doctor.examine(settings, OpenDatabases.of(house.store))
    except Exception as error:
        if loops.may_pass(error):
            raise
        log.exception("control.doctor_failed")
        told = ()  # each check that goes by what it says has failed then
    return [_look(house, name, control, told) for name, control in catalogue.checks().items()]


def _look(house: House, name: str, control: Control, told: Sequence[Told]) -> Result:
    """One check. One that can't be run has failed, and keeps no other from being run."""
    if name in OF_THE_DOCTOR:
        return Result(name, control, *by_the_doctor(name, told))
    try:
        return _measured(house, name, control)
    except Exception as error:
        if loops.may_pass(error):
            raise
        log.exception("control.check_failed", component=name)
        return Result(name, control, 1, f"the check can't be run: {loops.cause_of(error)}")


def check(house: House, settings: Settings) -> tuple[list[Result], Kept]:
    """Run every check and keep what it found; answers both."""
    results = look(house, settings)
    with house.store.begin(scope(house)) as work:
        return results, controls.keep(work, results)


def scope(house: House) -> AuditScope:
    """In whose name it is recorded: a component of the platform, on its own."""
    return AuditScope(COMPONENT, Kind.AGENT.value, None, None, None, None, uuid4(), house.policy.version)


def run_when_due(house: House, settings: Settings) -> None:
    """`check`, unless some process did within the day."""
    with transaction(house.store.engine, read_only=True) as session:
        last = findings.last_run(session)
    if last is not None and now() - last < _EVERY:
        return
    results, _ = check(house, settings)
    failed = sum(1 for each in results if each.amiss)
    log.info("controls were checked", count=len(results), failures=failed)


def by_the_doctor(name: str, told: Sequence[Told]) -> tuple[int, str]:
    """What the doctor says about the things of this check: how many are amiss, and what to do about them."""
    about = [each for each in told if each.about in OF_THE_DOCTOR[name]]
    if not about:
        return 1, "nothing was looked at: the doctor says nothing about it"
    bad = [each for each in about if not each.good]
    return len(bad), "; ".join(f"{each.about}: {each.text}" for each in bad or about)


def _measured(house: House, name: str, control: Control) -> Result:
    measure = measures.MEASURES[name]
    with transaction(house.store.engine, read_only=True) as session:
        moment = now()
        each = measures.singly(session, name, moment)
        amiss = measures.measure(session, name, moment, house.store.archive) if each is None else len(each)
    text = f"{amiss} {measure.amiss}: {measure.remedy}" if amiss else f"no {measure.amiss}"
    return Result(name, control, amiss, text, each)
