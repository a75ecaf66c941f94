"""Where rows are reached past the door to be destroyed."""

_ERASING = "what is destroyed must be found whether or not anybody may still see it; nothing is opened"
_DESTROYING, _REDUCING = "agents/erasures/destroying.py", "agents/erasures/reducing.py"
_RECALLING, _VERIFYING = "agents/erasures/recalling.py", "agents/erasures/verifying.py"
_IN_PIECES = ("destroy_first", "destroy_these", "first", "has_more")
_ABROAD = "what providers are to be asked to delete: their own numbers, of nobody, and the deletion's row by its agent"

SIDE_DOORS: dict[str, tuple[str, str]] = {
    **{f"storage.erasures.{each}": (_DESTROYING, _ERASING) for each in ("among", "destroy_rows", "ids", "stop")},
    **{f"storage.erasures.{each}": (_REDUCING, _ERASING) for each in _IN_PIECES},
    **{
        f"storage.erasures.{each}": (f"{_DESTROYING} {_REDUCING}", _ERASING)
        for each in ("bytes_of", "hand_over_of", "sent_of")
    },
    "storage.erasures.targets": (f"{_DESTROYING} {_REDUCING}", _ERASING),
    "storage.deletions.find": (
        f"{_DESTROYING} agents/erasures/resuming.py {_RECALLING} {_VERIFYING}",
        _ERASING,
    ),
    "storage.file_bindings.FileBindings": (
        "muniment/tidying.py",
        "writes each file anew as it is, and shows nothing of it",
    ),
    "storage.file_bindings.count_unbound": ("muniment/doctor.py", "a number of files"),
    "storage.missing_files.MissingFiles": (
        "muniment/tidying.py",
        "looks for files by the ids of their rows; opens none",
    ),
    "storage.missing_files.blob_that_should_be_there": (
        "agents/exports/building.py",
        "whether a deletion took a file that the door let the agent open",
    ),
    "storage.orphans.sweep": ("agents/erasures/resuming.py", _ERASING),
    "storage.deletions.lock": (_REDUCING, _ERASING),
    **{f"storage.recalls.{each}": (_RECALLING, _ABROAD) for each in ("due", "settle")},
    **{f"storage.recalls.{each}": (_VERIFYING, _ABROAD) for each in ("said", "unconfirmed")},
    "storage.recalls.is_waiting": (f"{_DESTROYING} {_RECALLING}", _ABROAD),
    "storage.recalls.ripe": (f"{_RECALLING} {_VERIFYING}", _ABROAD),
    "storage.residues.forget_departed": (f"{_RECALLING} {_VERIFYING}", _ERASING),
    "storage.services.agreed": (_RECALLING, "the register of services is about nobody"),
    "storage.ledger.trail.forget": (f"{_DESTROYING} {_VERIFYING}", _ERASING),
    "storage.ledger.trail.forget_some": (_REDUCING, _ERASING),
    "storage.queue.forget_each": (f"{_DESTROYING} {_REDUCING}", _ERASING),
}
"""A part of the list in `allowed`, for the same reasons."""
