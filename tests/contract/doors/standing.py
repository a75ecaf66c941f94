"""Where it is read past the door how the platform stands: locked down or not, and which parts are away."""

_STANDS = "how the platform stands, and when a part of it was away: everybody reads it at /status"
_ASKED = "of a row that the door has just given out"

STANDING: dict[str, tuple[str, str]] = {
    "storage.lockdowns.active": ("resolvers/lockdowns/deciding.py", _STANDS),
    "storage.lockdowns.begin": ("resolvers/lockdowns/deciding.py", _STANDS),
    "storage.lockdowns.expire": ("resolvers/lockdowns/deciding.py", _STANDS),
    "storage.lockdowns.lock": ("resolvers/lockdowns/deciding.py", _ASKED),
    "storage.lockdowns.standing": ("resolvers/lockdowns/deciding.py resolvers/outages.py", _STANDS),
    "storage.outages.begin": ("agents/outages.py", _STANDS),
    "storage.outages.found_open": ("agents/outages.py", _STANDS),
    "storage.outages.lock": ("resolvers/outages.py", _ASKED),
    "storage.outages.looked": ("agents/outages.py", _STANDS),
    "storage.outages.touching": ("agents/outages.py resolvers/outages.py", _STANDS),
    "storage.outages.watched_since": ("resolvers/outages.py", _STANDS),
    "storage.populations.gathering.months": ("resolvers/populations.py", _STANDS),
}
"""A part of the list in `allowed`, for the same reasons."""
