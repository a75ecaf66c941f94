"""Where it is reached past the door who works here, as tests/contract/doors/allowed.py has it for all others."""

_ASKED = "of a row that the door has just given out"
_FACTOR = "what proves who is calling, of the account whose session asks or whose password was just right"
_LEAVING = "of a member of staff whose jobs or account end: on the command line, or after the door was asked"
_COMING = "of a member of staff whose jobs begin, once the door has let the caller ask for that or agree to it"

SIDE_DOORS: dict[str, tuple[str, str]] = {
    "storage.appointments.lock": ("resolvers/appointments.py", _ASKED),
    "storage.appointments.waiting": ("resolvers/appointments.py", f"{_COMING}; they are not shown them"),
    "storage.staff.forget": ("resolvers/staff.py", _LEAVING),
    "storage.staff.lock": (
        "resolvers/appointments.py resolvers/factors.py resolvers/staff.py",
        f"{_COMING}; {_FACTOR}; {_LEAVING}",
    ),
    "storage.staff.overlapping": ("muniment/doctor.py", "counts who holds two jobs that nobody may; names nobody"),
    "storage.staff.take_role": ("resolvers/staff.py", _LEAVING),
}
"""What reads or writes by itself, by its name: from which files it may be used, and why."""

PLACES: dict[tuple[str, str, str], str] = {
    ("resolvers/appointments.py", "seal", "open_as_system"): "the address asked for, for its own account alone",
}
"""Other places that the lint finds, each with its reason."""
