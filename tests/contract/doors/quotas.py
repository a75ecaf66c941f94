"""Where counts of files are reached past the door, each place with its reason; `allowed` takes them in."""

_ASKED = "a number of the owner of a row that the door has just given out; a guest is not told it"
_MACHINE = "on the command line of whoever runs the server: ids and numbers, and nothing is opened"

SIDE_DOORS: dict[str, tuple[str, str]] = {
    "storage.quotas.are_kept": ("muniment/quotas.py", _MACHINE),
    "storage.quotas.capacity": ("muniment/quotas.py", _MACHINE),
    "storage.quotas.drifted": ("muniment/quotas.py", _MACHINE),
    "storage.quotas.give_back": ("resolvers/uploads.py", _ASKED),
    "storage.quotas.grant": ("resolvers/quotas.py", _MACHINE),
    "storage.quotas.largest": ("muniment/quotas.py", _MACHINE),
    "storage.quotas.recount": ("resolvers/quotas.py", _MACHINE),
    "storage.quotas.take": ("agents/imports/taking.py resolvers/quotas.py", _ASKED),
    "storage.quotas.use_of": ("agents/imports/taking.py resolvers/quotas.py", _ASKED),
}
