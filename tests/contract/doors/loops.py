"""Where unattended loops and the queue are reached past the door, each place with its reason; `allowed` takes them in."""

_LAG = "how far detection is behind the log: numbers and a cause, about nobody; everybody reads it at /status"
_ASIDE = "ids of items that a loop could not process: it opens nothing, and does not load what they name"
_TURN = "whose turn it is: ids and numbers of the queue, and nothing of anybody's"
_AGENT = "an agent, about the one thing that its run concerns and that it has asked the door for"
_OWN = "a count of the caller's own, or of whom a notice is for; it is told to nobody else"

SIDE_DOORS: dict[str, tuple[str, str]] = {
    "storage.accounts.lock_contributor": ("resolvers/quotas.py", _OWN),
    "storage.contributors.mark_email": ("agents/notices/delivering.py", _AGENT),
    "storage.detection_lag.measure": ("agents/outages.py muniment/loop_metrics.py resolvers/outages.py", _LAG),
    "storage.exports.count_announcement": ("agents/exports/announcing.py", _AGENT),
    "storage.fair_queue.others_wait": ("agents/runtime.py", _TURN),
    "storage.fair_queue.put_back": ("agents/jobs.py", _TURN),
    "storage.incidents.begin": ("agents/sentinel/watching.py", _LAG),
    "storage.incidents.note_cause": ("agents/sentinel/watching.py", _LAG),
    "storage.notices.begin_attempt": ("agents/notices/delivering.py", _AGENT),
    "storage.notices.count_queued": ("resolvers/notices.py", _OWN),
    "storage.outages.last_look": ("agents/outages.py", _LAG),
    "storage.prompts.count_by_author": ("resolvers/quotas.py", _OWN),
    "storage.set_aside.add": ("agents/loops.py", _ASIDE),
    "storage.set_aside.counts": ("muniment/loop_metrics.py", _ASIDE),
    "storage.set_aside.is_tried_again": ("agents/loops.py", _ASIDE),
    "storage.set_aside.known": (
        "agents/access_reviews.py agents/erasures/resuming.py agents/loops.py agents/sentinel/watching.py",
        _ASIDE,
    ),
    "storage.set_aside.remove": ("agents/access_reviews.py agents/loops.py agents/sentinel/watching.py", _ASIDE),
    "storage.set_aside.reopen": ("muniment/crew.py", _ASIDE),
    "storage.set_aside.try_again": ("agents/sentinel/watching.py", _ASIDE),
}
