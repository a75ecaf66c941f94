"""Every unattended loop there is, and what becomes of an item that it can't process.

`tests/contract/test_loops.py` finds a loop that is not listed: a thread that is started, a task of the scheduler, a
workflow. `tests/agents/test_loops.py` feeds each loop that sets aside one bad item and then a good one.
"""

import enum
from dataclasses import dataclass


class BadItem(enum.StrEnum):
    """What a loop does about an item that it can't process, and that is not an outage."""

    SET_ASIDE = "SET_ASIDE"  # kept by its id, counted, logged, alerted (D23), tried again; the loop goes on
    HALTS = "HALTS"  # order is what it keeps: it stops there, which is recorded, alerted and an outage
    ENDS = "ENDS"  # each item is a job: this one ends with an error that is recorded, and the others run
    REPORTS = "REPORTS"  # an item that fails is the finding
    NONE = "NONE"  # one step over everything, or nothing that anybody else can influence; it is tried again


@dataclass(frozen=True)
class Loop:
    """One of them. `where` names a thread's file, a task of `muniment/tidying.py` by its name, or a workflow.

    `names` are those under which `agents.loops` sets items aside.
    """

    where: str
    bad_item: BadItem
    why: str
    names: tuple[str, ...] = ()


THREADS = (
    Loop("agents/sentinel/supervision.py", BadItem.SET_ASIDE, "entries of the log; incidents nobody has acknowledged",
         ("sentinel", "escalation")),
    Loop("agents/ledger/sequencer.py", BadItem.HALTS,
         "the log has no gaps: an entry that was skipped would look like one that was removed. ledger.halted, D06 "
         "and the outage LEDGER say so; entries are kept, and detection reads them while they wait"),
    Loop("agents/ledger/courier.py", BadItem.SET_ASIDE,
         "an entry that can't be put into a message is skipped; one that is not received is sent again, in order",
         ("webhook",)),
    Loop("agents/ledger/checking.py", BadItem.REPORTS,
         "entries that are not what was hashed into the log are recorded and alerted (D06)"),
    Loop("agents/outages.py", BadItem.REPORTS, "a check that fails is an outage of its part"),
    Loop("agents/takeovers.py", BadItem.NONE, "each process that is gone by itself, again after a minute"),
    Loop("muniment/tidying.py", BadItem.NONE, "each task by itself: see TASKS"),
    Loop("agents/provider_keys.py", BadItem.NONE, "fetches the keys of the OpenID provider; kept ones serve meanwhile"),
    Loop("agents/queue_watch.py", BadItem.REPORTS, "rows in another format are removed, recorded and alerted (D24)"),
    Loop("muniment/connections.py", BadItem.NONE, "each connection by itself, four times a second"),
    Loop("muniment/key_checks.py", BadItem.REPORTS, "keysets that are missing are recorded and alerted (D05)"),
    Loop("muniment/house.py", BadItem.NONE, "denials of strangers, counted together: one entry for each address"),
    Loop("muniment/key_uses.py", BadItem.NONE, "one count an hour"),
    Loop("muniment/policies.py", BadItem.NONE, "one look a second; /health/ready names a policy that can't be loaded"),
    Loop("muniment/crowds.py", BadItem.NONE, "places of connections; a server that does not answer is counted without"),
    Loop("storage/bells.py", BadItem.NONE, "a notification that fails is logged; everybody also looks by themselves"),
    Loop("storage/keys/cache.py", BadItem.NONE, "forgets keys in memory"),
)  # fmt: skip

TASKS = (
    Loop("lock-downs", BadItem.NONE, "one lock-down"),
    Loop("missing files", BadItem.REPORTS, "a file that is missing is marked, recorded and alerted (D05)"),
    Loop("tidying", BadItem.SET_ASIDE, "archives whose time is up", ("exports",)),
    Loop("the queue", BadItem.NONE, "rows of jobs that ended"),
    Loop("erasures set aside", BadItem.SET_ASIDE,
         "erasures of the journal, at a start too: only once the keys are gone; else nothing is served", ("erasures",)),
    Loop("deferred deletions", BadItem.SET_ASIDE, "deletions that waited for a legal hold", ("deferred_deletions",)),
    Loop("copies at providers", BadItem.SET_ASIDE, "deletions of which providers keep something", ("recalls",)),
    Loop("retention", BadItem.SET_ASIDE, "settings of contributors, one by one", ("retention",)),
    Loop("ageing", BadItem.HALTS, "the archive continues the log: where it does not, nothing leaves the database"),
    Loop("access reviews", BadItem.SET_ASIDE, "items of a review", ("access_reviews", "access_review_notices")),
    Loop("binding files", BadItem.NONE, "a file that does not open stays as it is, and is counted; a scrub names it"),
    Loop("rotating keys", BadItem.NONE, "what does not open holds its own key back (storage/rotations.py)"),
    Loop("controls", BadItem.REPORTS, "a check that can't be run has failed"),
    Loop("reconciling", BadItem.NONE, "one question over everything"),
    Loop("backups", BadItem.REPORTS, "backup.failed, D20"),
)  # fmt: skip
"""Tasks of the scheduler: one that fails is logged and keeps no other from running."""

WORKFLOWS = (
    Loop("generate", BadItem.ENDS, "the prompt is FAILED"),
    Loop("export", BadItem.ENDS, "the export is FAILED"),
    Loop("discard_export", BadItem.ENDS, "the task `tidying` destroys it"),
    Loop("announce_export", BadItem.ENDS, "export.announced says that it was not received"),
    Loop("spread_notice", BadItem.SET_ASIDE, "a text of which a person could not be told yet", ("notices",)),
    Loop("deliver_notice", BadItem.ENDS, "notice.delivered says that it was not received; the inbox has it"),
    Loop("tell_affected", BadItem.SET_ASIDE, "an incident of which somebody could not be told: they are told later",
         ("incident_notices",)),
    Loop("erase", BadItem.ENDS, "it stays in the journal: the next start goes on, and `deletions-done` finds it"),
    Loop("recall_copies", BadItem.ENDS, "the task `copies at providers` asks again"),
    Loop("thumbnail", BadItem.ENDS, "the asset has none"),
)  # fmt: skip
"""Jobs of the queue: each is a transaction of its own, and what fails is logged as `a run ended in an error`."""

LOOPS = (*THREADS, *TASKS, *WORKFLOWS)
NAMES = frozenset(name for loop in LOOPS for name in loop.names)
