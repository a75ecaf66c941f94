"""Where attempts to sign in are counted past the door, and credentials looked at, each place with its reason."""

_BEFORE = "who is asking is only being found out: there is no principal yet"
_GUESSES = "counts guesses under a keyed hash, so that they can be stopped"
_LEAVING = "of a member of staff whose jobs or account end: on the command line, or after the door was asked"

SIDE_DOORS: dict[str, tuple[str, str]] = {
    "storage.accounts.api_key_by_prefix": ("resolvers/identity.py", _BEFORE),
    "storage.accounts.revoked_session": ("resolvers/identity.py", _BEFORE),
    "storage.attempts.clear": ("resolvers/attempts.py", _GUESSES),
    "storage.attempts.forget": ("agents/erasures/resuming.py", _GUESSES),
    "storage.attempts.forget_addresses": ("resolvers/staff.py", _LEAVING),
    "storage.attempts.is_known": ("resolvers/attempts.py", _BEFORE),
    "storage.attempts.release": ("resolvers/attempts.py", _GUESSES),
    "storage.attempts.remember": ("resolvers/attempts.py", _BEFORE),
    "storage.attempts.reserve": ("resolvers/attempts.py", _GUESSES),
    "storage.federation.note_issued": ("resolvers/identity.py", _BEFORE),
}
