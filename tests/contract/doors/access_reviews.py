"""Where reviews of access reach rows past the door, as tests/contract/doors/allowed.py has it for all others."""

_ASKED = "of a row that the door has just given out"
_UNCONFIRMED = "the reviewer ends by dates what nobody has confirmed; it opens nothing and shows no row"

SIDE_DOORS: dict[str, tuple[str, str]] = {
    "storage.access_reviews.gathering.altered": ("resolvers/access_reviews/campaigns.py", _UNCONFIRMED),
    "storage.access_reviews.gathering.excluded": ("resolvers/access_reviews/deciding.py", _ASKED),
    "storage.access_reviews.gathering.items": (
        "resolvers/access_reviews/campaigns.py",
        "ids, dates and names of jobs, keys and services, for a review; who reads it asks the door for its items",
    ),
    "storage.access_reviews.gathering.stands": (
        "resolvers/access_reviews/deciding.py resolvers/access_reviews/endings.py",
        f"{_ASKED}; {_UNCONFIRMED}",
    ),
    "storage.access_reviews.gathering.used_since": ("resolvers/access_reviews/endings.py", _UNCONFIRMED),
    "storage.access_reviews.standing.approved": ("resolvers/access_reviews/endings.py", f"{_ASKED}; {_UNCONFIRMED}"),
    "storage.access_reviews.standing.close": ("resolvers/access_reviews/campaigns.py", f"{_ASKED}; {_UNCONFIRMED}"),
    "storage.access_reviews.standing.is_due": ("resolvers/access_reviews/campaigns.py", _UNCONFIRMED),
    "storage.access_reviews.standing.lock": ("resolvers/access_reviews/deciding.py", _ASKED),
    "storage.access_reviews.standing.newest": (
        "resolvers/access_reviews/campaigns.py",
        "whether a review is under way; says no more",
    ),
    "storage.access_reviews.standing.revoke_key": ("resolvers/access_reviews/endings.py", f"{_ASKED}; {_UNCONFIRMED}"),
    "storage.access_reviews.standing.take_job": ("resolvers/access_reviews/endings.py", f"{_ASKED}; {_UNCONFIRMED}"),
    "storage.access_reviews.standing.undecided": ("resolvers/access_reviews/campaigns.py", _UNCONFIRMED),
    "storage.access_reviews.standing.under_way": ("resolvers/access_reviews/campaigns.py", _UNCONFIRMED),
    "storage.access_reviews.standing.untold": ("resolvers/access_reviews/campaigns.py", _UNCONFIRMED),
}
"""What reads or writes by itself, by its name: from which files it may be used, and why."""
