"""The part of the ladder (tests/resolvers/ladder.py) that is about what is to be done after incidents."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from storage.clock import now
from storage.follow_ups import FollowUp, FollowUpStatus
from storage.staff import StaffRole
from tests.world import World, agent_scope, global_id, raw_id

GRID = {
    "node followUp": "U 0 0 0 0 - 0 0 0 0 0 0",
    "completeFollowUp": "U N N N N F N N N N N N",
    "reviewFollowUp": "U N N N N F N N N N N N",
    "reassignFollowUp": "U N N N N F N N N N N N",
}

QUERIES = {"node followUp": ("follow-up", "id")}

MUTATIONS: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    "completeFollowUp": lambda ids: {"followUpId": ids["follow-up"], "note": "The alarm rings since today."},
    "reviewFollowUp": lambda ids: {"followUpId": ids["done follow-up"], "done": True, "note": "I heard it ring."},
    "reassignFollowUp": lambda ids: {
        "followUpId": ids["other follow-up"],
        "ownerId": ids["colleague"],
        "note": "Whoever had to has left.",
    },
}


def review(*owners: str, due: datetime | None = None, **other: Any) -> dict[str, Any]:
    """What `recordIncidentStep` takes at REVIEWED: something for each of `owners` to do, or why nothing is."""
    until = (due or now() + timedelta(days=30)).isoformat()
    said: dict[str, Any] = {
        "impacts": ["CONFIDENTIALITY"],
        "impact": "Two briefs of one contributor were read.",
        "rootCause": "A grant for one case was made out for the whole account.",
        "followUps": [
            {"task": "Offer a single thing first where access is asked for.", "ownerId": owner, "dueAt": until}
            for owner in owners
        ],
    }
    if not owners:
        said["noFollowUpsBecause"] = "The form offers a single thing first since last week."
    return said | other


def opened(
    world: World,
    owner: str | None = None,
    status: FollowUpStatus = FollowUpStatus.OPEN,
    *,
    incident: str | None = None,
    due: datetime | None = None,
) -> str:
    """Something to be done, by somebody who has left since where nobody is named."""
    row = FollowUp(
        id=uuid.uuid4(), incident_id=uuid.uuid4() if incident is None else raw_id(incident),
        owner_id=uuid.uuid4() if owner is None else raw_id(owner), status=status, due_at=due or now() + timedelta(days=9),
    )  # fmt: skip
    with world.house.store.begin(agent_scope()) as work:
        work.vault.seal(row, task="Have an alarm ring where a grant is for a whole account.")
        work.session.add(row)
    return global_id("FollowUp", row.id)


def things(world: World) -> dict[str, str]:
    """Follow-ups of nobody who is still here, and somebody who could do one, by what the ladder calls them."""
    return {
        "follow-up": opened(world),
        "other follow-up": opened(world),
        "done follow-up": opened(world, status=FollowUpStatus.DONE),
        "colleague": world.own_id(world.employ(StaffRole.SYSADMIN)),
    }
