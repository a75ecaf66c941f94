"""Where it is read past the door how the platform stands: locked down or not, and which parts are away."""

_STANDS = "how the platform stands, and when a part of it was away: everybody reads it at /status"
_RUNS = "what runs here, and the register of it, for whoever runs the server or may reconcile; it is about nobody"
_THERE = "which processes are there to take up work; it is about nobody"
_ASKED = "of a row that the door has just given out"

STANDING: dict[str, tuple[str, str]] = {
    "storage.attendance.Attendance": ("agents/takeovers.py", _THERE),
    "storage.privileges.grant": (
        "muniment/cli.py",
        "what logins of the database may do, said by whoever owns the tables",
    ),
    "storage.queue.forget_finished": (
        "muniment/tidying.py",
        "jobs that are done, by their age: ids, and nothing of anybody's",
    ),
    "storage.changes.lock": ("resolvers/changes.py", _ASKED),
    "storage.changes.newest": ("muniment/cli_changes.py", _RUNS),
    "storage.changes.observe": ("muniment/safeguards.py", _RUNS),
    "storage.changes.reconciled": ("muniment/cli_changes.py resolvers/changes.py", _RUNS),
    "storage.changes.runs_unapproved": ("resolvers/changes.py", _RUNS),
    "storage.changes.standing_of": ("resolvers/enabling.py", _RUNS),
    "storage.changes.told": ("resolvers/changes.py", "whether there is such a notice; says no more"),
    "storage.controls.findings.mend": ("resolvers/controls.py", _ASKED),
    "storage.controls.measures.singly": (
        "muniment/controls.py",
        "a check of a control: ids of follow-ups, and no words",
    ),
    "storage.follow_ups.lock": ("resolvers/follow_ups.py", _ASKED),
    "storage.staff.held": (
        "resolvers/follow_ups.py",
        "whether somebody of staff has a job, for whoever gives them something to do; says no more",
    ),
    "storage.incident_metrics.last_months": (
        "muniment/incident_metrics.py",
        "counts and times of incidents, for whoever runs the server; names nobody, and holds no words",
    ),
    "storage.enabling.noted": ("resolvers/enabling.py", _RUNS),
    "storage.enabling.refused": ("muniment/doctor.py", _RUNS),
    "storage.lockdowns.active": ("resolvers/lockdowns/deciding.py", _STANDS),
    "storage.lockdowns.begin": ("resolvers/lockdowns/deciding.py", _STANDS),
    "storage.lockdowns.expire": ("resolvers/lockdowns/deciding.py", _STANDS),
    "storage.lockdowns.lock": ("resolvers/lockdowns/deciding.py", _ASKED),
    "storage.lockdowns.standing": ("resolvers/lockdowns/deciding.py resolvers/outages.py", _STANDS),
    "storage.ledger.trail.details_since": (
        "agents/generation/running.py agents/ledger/checking.py muniment/key_uses.py",
        "counts that a component has recorded of itself; names nobody",
    ),
    "storage.outages.begin": ("agents/outages.py", _STANDS),
    "storage.outages.correct": ("agents/outages.py", _STANDS),
    "storage.outages.found_open": ("agents/outages.py", _STANDS),
    "storage.outages.lock": ("resolvers/outages.py", _ASKED),
    "storage.outages.looked": ("agents/outages.py", _STANDS),
    "storage.outages.touching": ("agents/outages.py resolvers/outages.py", _STANDS),
    "storage.outages.watched_since": ("resolvers/outages.py", _STANDS),
    "storage.populations.gathering.months": ("resolvers/populations.py", _STANDS),
    "storage.populations.gathering.versions": ("resolvers/populations.py", _RUNS),
}
"""A part of the list in `allowed`, for the same reasons."""
