"""Where rows are reached past the door to be destroyed."""

_ERASING = "what is destroyed must be found whether or not anybody may still see it; nothing is opened"
_DESTROYING, _REDUCING = "agents/erasures/destroying.py", "agents/erasures/reducing.py"
_IN_PIECES = ("bytes_of", "destroy_first", "destroy_these", "first", "has_more", "sent_of")

SIDE_DOORS: dict[str, tuple[str, str]] = {
    **{
        f"storage.erasures.{each}": (_DESTROYING, _ERASING)
        for each in ("among", "destroy_rows", "file_bytes", "ids", "sent_elsewhere", "stop")
    },
    **{f"storage.erasures.{each}": (_REDUCING, _ERASING) for each in _IN_PIECES},
    "storage.erasures.targets": (f"{_DESTROYING} {_REDUCING}", _ERASING),
    "storage.deletions.find": (
        f"{_DESTROYING} {_REDUCING} agents/erasures/resuming.py agents/erasures/verifying.py",
        _ERASING,
    ),
    "storage.ledger.trail.forget": (f"{_DESTROYING} agents/erasures/verifying.py", _ERASING),
    "storage.ledger.trail.forget_some": (_REDUCING, _ERASING),
    "storage.queue.forget_each": (f"{_DESTROYING} {_REDUCING}", _ERASING),
}
"""A part of the list in `allowed`, for the same reasons."""
