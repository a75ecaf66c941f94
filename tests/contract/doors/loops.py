"""Where unattended loops, detection and queues read past the door, with the reasons; `allowed` takes it in."""

_BOOKKEEPING = "the loops' own bookkeeping: ids of items, causes, counts and times; nothing is opened"
_DETECTION = "how far detection has read the log: counts and times; nothing is opened"
_ENTRIES = "detection reads ids, times and codes, opens nothing, and acts on credentials"
_DELIVERY = "attempts and times of a delivery that the agent has under way"
_QUOTA = "counts of the caller's own account, which the door has just given out"

_WATCHING = "agents/sentinel/watching.py"

SIDE_DOORS: dict[str, tuple[str, str]] = {
    "storage.accounts.lock_contributor": ("resolvers/quotas.py", _QUOTA),
    "storage.contributors.mark_email": ("agents/notices/delivering.py", _DELIVERY),
    "storage.detection_lag.measure": (
        "agents/outages.py muniment/loop_metrics.py resolvers/outages.py",
        _DETECTION,
    ),
    "storage.exports.count_announcement": ("agents/exports/announcing.py", _DELIVERY),
    "storage.fair_queue.others_wait": ("agents/runtime.py", _BOOKKEEPING),
    "storage.fair_queue.put_back": ("agents/jobs.py", _BOOKKEEPING),
    "storage.incidents.begin": (_WATCHING, _DETECTION),
    "storage.incidents.correct": (_WATCHING, _DETECTION),
    "storage.incidents.mark": (_WATCHING, _DETECTION),
    "storage.incidents.note_cause": (_WATCHING, _DETECTION),
    "storage.incidents.unacknowledged_ids": ("agents/sentinel/acting.py", _ENTRIES),
    **{
        f"storage.ledger.happenings.{each}": (_WATCHING, _ENTRIES)
        for each in ("between", "end", "ids_between", "ids_waiting", "one", "place_ago")
    },
    "storage.notices.begin_attempt": ("agents/notices/delivering.py", _DELIVERY),
    "storage.notices.count_queued": ("resolvers/notices.py", _DELIVERY),
    "storage.outages.last_look": ("agents/outages.py", _DETECTION),
    "storage.prompts.count_by_author": ("resolvers/quotas.py", _QUOTA),
    "storage.sessions.count_working_keys": ("resolvers/api_keys.py", _QUOTA),
    "storage.set_aside.add": ("agents/loops.py", _BOOKKEEPING),
    "storage.set_aside.counts": ("muniment/loop_metrics.py", _BOOKKEEPING),
    "storage.set_aside.listed": ("muniment/drills.py", _BOOKKEEPING),
    "storage.set_aside.is_tried_again": ("agents/loops.py", _BOOKKEEPING),
    "storage.set_aside.known": (
        f"agents/access_reviews.py agents/erasures/resuming.py agents/loops.py {_WATCHING}",
        _BOOKKEEPING,
    ),
    "storage.set_aside.remove": (f"agents/access_reviews.py agents/loops.py {_WATCHING}", _BOOKKEEPING),
    "storage.set_aside.reopen": ("muniment/crew.py", _BOOKKEEPING),
    "storage.set_aside.try_again": (_WATCHING, _BOOKKEEPING),
}
