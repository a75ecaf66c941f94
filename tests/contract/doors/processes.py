"""Where what processes know of one another is reached past the door, with its reason; `allowed` takes it in."""

_HOUSE = "opens, checks and closes the house; no caller is there"
_QUEUE = "the queue holds ids and states, and processes their own names: nobody's data"

SIDE_DOORS: dict[str, tuple[str, str]] = {
    "storage.attendance.Attendance": ("agents/takeovers.py", _QUEUE),
    "storage.granted_rights.deviations": ("muniment/doctor.py", "the database's catalogue of rights: nobody's data"),
    "storage.granted_rights.owns_tables": ("muniment/doctor.py", "the database's catalogue of rights: nobody's data"),
    "storage.privileges.grant": ("muniment/cli.py", _HOUSE),
    "storage.queue.forget_finished": ("muniment/tidying.py", _QUEUE),
    "storage.queue_formats.postpone_unknown": ("agents/queue_watch.py", _QUEUE),
    "storage.queue_formats.remove_displaced": ("agents/queue_watch.py", _QUEUE),
    "storage.queue_formats.remove_foreign": ("agents/queue_watch.py", _QUEUE),
    "storage.queue_tables.are_newest": ("muniment/house.py", _HOUSE),
    "storage.queue_tables.open_tables": ("muniment/doctor.py", _QUEUE),
}
