"""Where it is read past the door what an account has chosen already, when an archive brings choices with it."""

_TAKEN_IN = "of the account that the door has just given out: what was chosen there wins over what an archive brings"

SIDE_DOORS: dict[str, tuple[str, str]] = {
    "storage.archives.choices.keep_retention": ("agents/imports/choosing.py", _TAKEN_IN),
    "storage.archives.choices.keep_style": ("agents/imports/choosing.py", _TAKEN_IN),
    "storage.archives.choices.keep_wishes": ("agents/imports/choosing.py", _TAKEN_IN),
}
"""A part of the list in `allowed`, for the same reasons."""
