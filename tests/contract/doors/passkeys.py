"""Where passkeys and their challenges are reached past the door, each place with its reason; `allowed` takes them in."""

_FACTOR = "what proves who is calling, of the account whose session asks or whose password was just right"
_ENDED = "what nobody can use any more, whoever's it was; nothing is opened"

SIDE_DOORS: dict[str, tuple[str, str]] = {
    "storage.passkeys.ask": ("resolvers/challenges.py", _FACTOR),
    "storage.passkeys.forget": ("resolvers/factors.py resolvers/staff.py", f"{_FACTOR}; of staff who leave"),
    "storage.passkeys.forget_challenges": ("agents/erasures/resuming.py", _ENDED),
    "storage.passkeys.mark_copied": ("resolvers/challenges.py", _FACTOR),
    "storage.passkeys.of_account": (
        "resolvers/factors.py resolvers/federation.py resolvers/passkeys.py",
        _FACTOR,
    ),
    "storage.passkeys.remove": ("resolvers/passkeys.py", _FACTOR),
    "storage.passkeys.use": ("resolvers/challenges.py", _FACTOR),
    "storage.passkeys.use_up": ("resolvers/challenges.py", _FACTOR),
    "storage.passkeys.waiting": ("resolvers/challenges.py", _FACTOR),
}
