"""The part of the ladder (tests/resolvers/ladder.py) that is about who is to work here."""

import uuid
from collections.abc import Callable
from typing import Any

from storage.appointments import Appointment
from storage.passwords import hash_password
from storage.staff import StaffRole
from tests.world import World, agent_scope, global_id

GRID = {
    "node appointment": "U 0 0 0 - - 0 0 0 0 0 0",
    "addStaff": "U F F F - F F F F F F F",
    "assignRole": "U F F F - F F F F F F F",
    "approveAppointment": "U N N N - F N N N N N N",
    "denyAppointment": "U N N N - F N N N N N N",
    "revokeRole": "U F F F F F F F F F F F",
}

QUERIES = {"node appointment": ("appointment", "id")}

WHY = "They begin on Monday, by the contract of March."
MUTATIONS: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    "addStaff": lambda ids: {"email": "nora@example.org", "roles": ["SUPPORT"], "why": WHY},
    "assignRole": lambda ids: {"staffId": ids["leaver"], "role": "PRIVACY", "why": WHY},
    "approveAppointment": lambda ids: {"appointmentId": ids["appointment"]},
    "denyAppointment": lambda ids: {"appointmentId": ids["other appointment"]},
    "revokeRole": lambda ids: {"staffId": ids["leaver"], "role": "SUPPORT"},
}


def asked(world: World, email: str = "noah@example.org") -> str:
    """An account of support that somebody has asked for who has left since."""
    row = Appointment(
        id=uuid.uuid4(), staff_id=uuid.uuid4(), opens_account=True, roles=[StaffRole.SUPPORT.value],
        requested_by=uuid.uuid4(),
    )  # fmt: skip
    with world.house.store.begin(agent_scope()) as work:
        work.vault.seal(row, email=email, password_hash=hash_password("not known to anybody"), why=WHY)
        work.session.add(row)
    return global_id("Appointment", row.id)
