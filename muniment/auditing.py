"""Checking the audit trail from the command line, and copying it for whoever wants to check it elsewhere."""

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from muniment.house import open_house
from muniment.settings import Settings
from policies.principals import Kind, Principal
from resolvers import audit, ledger
from resolvers.context import Asking, Context
from resolvers.identity import identify
from storage.database import transaction
from storage.ledger import checkpoint, feeds, ocsf, reconciling, verify_audit
from storage.ledger.copies import write_copy
from storage.ledger.events import Outcome
from storage.ledger.verify_audit import Report
from storage.ledger.witnesses import WitnessPolicy
from storage.pages import Slice
from storage.staff import StaffRole


def check(
    source: str, vkey: str | None, old: Path | None, leaf: Path | None, policy: Path | None, token: str | None = None
) -> Report:
    """What is found about a log at `source`, or with `leaf` about one entry whose proof is at `source`.

    With `policy`, whether enough of its witnesses cosigned the checkpoint; it also gives the key, if it names one log.
    """
    try:
        told = None if policy is None else WitnessPolicy.load(policy)
        if vkey is None and told is not None and len(told.logs) == 1:
            vkey = told.logs[0]
        if leaf is None:
            report = verify_audit.run(source, vkey, None if old is None else str(old), token)
        elif vkey is None:
            return Report([f"a proof is checked with the log's key: pass --vkey, as {_WHERE} shows it."])
        else:
            proof = Path(source).read_text(encoding="utf-8")
            found = checkpoint.verify_leaf(leaf.read_bytes(), proof, vkey.strip())
            note = checkpoint.parse_proof(proof)[2].encode()
            report = Report(facts=[f"The entry is one of the {found.size} that were signed for."], note=note)
        if told is not None and not report.problems:
            _check_witnesses(told, report)
    except (OSError, ValueError) as error:
        return Report([f"{error}."])
    return report


def _check_witnesses(policy: WitnessPolicy, report: Report) -> None:
    """Add who cosigned the checkpoint, and whether they are enough. Raises NoteRefused where a cosignature is wrong."""
    seen = policy.seen((report.note or b"").decode())
    for name, moment in seen.items():
        report.facts.append(f"Cosigned by {name} at {datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC.")
    if not policy.is_met(seen):
        report.problems.append(f"the witnesses that cosigned it ({', '.join(seen) or 'none'}) are not the quorum.")


def export(settings: Settings, place: Path) -> int:
    """Copy the log to `place`; answers how many entries it has. Raises NothingPublished."""
    with open_house(settings) as house:
        return write_copy(house.store.engine, ledger.key(house), place, house.store.archive)


def export_events(settings: Settings, write: Callable[[str], object], start: int) -> int:
    """Write each published entry from place `start` on as an OCSF event, one per line; answers the next place.

    Nobody stands in any of them. A caller who can run this reads the database anyway.
    """
    with open_house(settings) as house:
        store = house.store
        for index, form in feeds.entries(store.engine, store.archive, start):
            write(json.dumps(ocsf.event(form, origin=store.origin, index=index), sort_keys=True) + "\n")
            start = index + 1
    return start


def reconcile(settings: Settings) -> Report:
    """Whether every step, output and export of an agent has its entry, and no more than one."""
    with open_house(settings) as house, transaction(house.store.engine, read_only=True) as session:
        found = reconciling.gaps(session)
    if not found:
        return Report(facts=["Every step, run, output and export that is on record has its entry in the trail."])
    return Report(
        [f"{each.about}: {each.executed} done, {each.recorded} in the trail as {each.action}." for each in found]
    )


def show(settings: Settings, token: str | None, action: str | None, at_most: int) -> list[str]:
    """The newest entries as lines for people, newest first: those that the bearer of `token` may read, and as far.

    Without a token whoever sits at the machine reads as an auditor does: all that happened, and nobody's name. Either
    way the reading is itself an entry. Raises `Unauthenticated` for a token that is not good.
    """
    operator = Asking(Principal(Kind.STAFF, _NOBODY, roles=frozenset({StaffRole.AUDITOR.value})))
    with open_house(settings) as house:
        context = Context(
            house, operator if token is None else identify(house, token, user_agent="muniment audit show")
        )
        equal = {} if action is None else {"action": action}
        with context.asked("audit_show"):
            rows = audit.page(context, Slice(limit=at_most), **equal).rows
            return [_line(context, audit.public(context, row)) for row in rows]


def _line(context: Context, form: Mapping[str, Any]) -> str:
    """`2026-11-24 02:10:21  you  project.created  project 0193…  (SUCCESS)  role VIEWER`"""
    me = {str(each) for each in (context.principal.id, context.principal.on_behalf_of) if each is not None}
    who = {"AGENT": form["component"], "STAFF": "staff"}.get(form["actorKind"], "somebody")
    if form["userId"] is not None:
        who = "you" if form["userId"] in me else form["userId"]
    if form["onBehalfOf"] is not None:
        who += " for you" if form["onBehalfOf"] in me else f" for {form['onBehalfOf']}"
    what = " ".join(filter(None, (form["resource"], form["resourceId"])))
    told = ", ".join(f"{name} {_shown(value)}" for name, value in form["details"].items() if value is not None)
    outcome = "" if form["outcome"] == Outcome.SUCCESS.value else f"  {form['outcome']}"
    return f"{form['timestamp'].replace('T', ' ')[:19]}  {who}  {form['action']}  {what}{outcome}  {told}".rstrip()


def _shown(value: Any) -> str:
    return f"{len(value)} of them" if isinstance(value, list) else str(value)


_NOBODY = uuid.UUID(int=0)
"""Whoever sits at the machine has no account: no row of anybody's names this id."""

_WHERE = "/ledger/vkey"
