"""What was kept out of the log (`leaks.py`), told in the trail: by which logger, how often, nothing of what it was."""

import uuid

from muniment import leaks
from policies.principals import Kind
from resolvers.house import House
from storage.ledger.events import Identifier, LogWithheld, Outcome, Secret
from storage.ledger.scope import AuditScope

SECRETS = {"address": Secret.ADDRESS, "key": Secret.KEY, "token": Secret.TOKEN}
"""What the patterns look for, as events call it."""


def tell(house: House) -> int:
    """Record what was withheld in this process since the last time; answers in how many lines."""
    found = leaks.taken()
    if not found:
        return 0
    scope = AuditScope("logs", Kind.AGENT.value, None, None, None, None, uuid.uuid4(), house.policy.version)
    with house.store.begin(scope) as work:
        for (name, logger), count in sorted(found.items()):
            withheld = LogWithheld(
                resource_id=None, subject_id=None, secret=SECRETS[name], logger_name=_name(logger), line_count=count
            )
            work.record(withheld, Outcome.FAILED)
    return sum(found.values())


def _name(logger: str) -> Identifier:
    try:
        return Identifier(logger.lower())
    except ValueError:
        return Identifier("unknown")
