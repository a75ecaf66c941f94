"""The part of the ladder (tests/resolvers/ladder.py) that is about looking at access and incidents afterwards."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from storage.clock import now
from tests.resolvers import appointments, changes, follow_ups
from tests.resolvers.found import reviewed
from tests.world import World

GRID = {
    **appointments.GRID,
    **changes.GRID,
    **follow_ups.GRID,
    "node review": "U 0 0 0 0 - 0 0 0 0 0 0",
    "node review item": "U 0 0 0 0 - 0 0 0 0 0 0",
    "openAccessReview": "U F F F F F F F F F F F",
    "decideAccessReviewItem": "U N N N N F N N N N N N",
}

QUERIES = {
    **appointments.QUERIES,
    **changes.QUERIES,
    **follow_ups.QUERIES,
    "node review": ("review", "id"),
    "node review item": ("review item", "id"),
}

MUTATIONS: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    **appointments.MUTATIONS,
    **changes.MUTATIONS,
    **follow_ups.MUTATIONS,
    "openAccessReview": lambda ids: {"dueAt": (now() + timedelta(days=30)).isoformat()},
    "decideAccessReviewItem": lambda ids: {
        "accessReviewItemId": ids["review item"],
        "decision": "KEEP",
        "note": "It makes the small pictures, and nothing else does.",
    },
    "reviewAccess": lambda ids: {
        "accessGrantId": ids["grant"],
        "verdict": "JUSTIFIED",
        "note": "What was opened is what the case was about.",
    },
    "draftIncidentNotice": lambda ids: {
        "incidentId": ids["incident"],
        "text": "Somebody here opened some of your work who should not have. They can't any more.",
    },
}


def things(world: World) -> dict[str, str]:
    """A review, something in it, undecided changes and appointments, and follow-ups, by what the ladder calls them."""
    review, item = reviewed(world)
    made = {"change": changes.registered(world), "other change": changes.registered(world)}
    made |= {
        "appointment": appointments.asked(world),
        "other appointment": appointments.asked(world, "nils@example.org"),
    }
    return {"review": review, "review item": item, **made, **follow_ups.things(world)}
