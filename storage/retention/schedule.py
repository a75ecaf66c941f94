"""The retention schedule as data: for every class of things what starts the clock, how long, and what then happens.

Each table names its class on its data card; one whose class has no row here fails a test, and is a finding of every
sweep. `python -m storage.retention.schedule` writes `docs/retention-schedule.md`; with `--check` it only compares.
"""

import enum
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from storage.catalogue import models
from storage.generated import keep

PAGE = Path(__file__).parents[2] / "docs" / "retention-schedule.md"
_REVIEWED = date(2026, 11, 27)


class Source(enum.StrEnum):
    """Who decides how long."""

    CONTRIBUTOR = "CONTRIBUTOR"
    OPERATOR = "OPERATOR"
    PLATFORM = "PLATFORM"


class Disposition(enum.StrEnum):
    """What happens when the time is up."""

    SECURE_DELETE = "SECURE_DELETE"  # keys destroyed, data removed, counted by somebody else, certified
    DELETE = "DELETE"
    ANONYMIZE_AND_ARCHIVE = "ANONYMIZE_AND_ARCHIVE"
    KEEP = "KEEP"


@dataclass(frozen=True)
class Rule:
    """One row: a class of things. `owner` answers for it, `reviewed_on` is when somebody last looked if it is right."""

    name: str
    what: str
    source: Source
    trigger: str
    period: str
    disposition: Disposition
    owner: str = "data protection officer"
    reviewed_on: date = _REVIEWED

    @property
    def types(self) -> tuple[str, ...]:
        """The tables of this class."""
        return tuple(str(model.__tablename__) for model in models() if model.card.retention == self.name)


SCHEDULE: tuple[Rule, ...] = (
    Rule(
        "user_content", "What a contributor uploaded and wrote, and what agents made of it.", Source.CONTRIBUTOR,
        "It was made; of a prompt, its youngest output was.",
        "As its contributor chose with setRetention, for the account or for the project. Unsaid: until they delete it.",
        Disposition.SECURE_DELETE,
    ),
    Rule(
        "project", "Projects, and with whom they are shared.", Source.CONTRIBUTOR, "The project ends.",
        "Until its owner deletes it; with AT_PROJECT_END until the end they named.", Disposition.SECURE_DELETE,
    ),
    Rule(
        "account", "The account: how to reach its owner, their choices, learned style, keys, grants and holds.",
        Source.CONTRIBUTOR, "The account is deleted.", "Until its owner deletes it.", Disposition.SECURE_DELETE,
    ),
    Rule(
        "export", "Copies that were taken out.", Source.OPERATOR, "The archive is ready.",
        "MUNIMENT_EXPORT_DAYS (7 days) for the archive; the request until the account is deleted.",
        Disposition.SECURE_DELETE,
    ),
    Rule(
        "session", "Sessions, answers kept for repetition, throttles, receipts, challenges.", Source.OPERATOR,
        "It began.",
        "MUNIMENT_SESSION_HOURS (12 hours), MUNIMENT_IDEMPOTENCY_HOURS (24 hours), 15 minutes for throttles, "
        "5 for challenges.",
        Disposition.DELETE, owner="head of security",
    ),
    Rule(
        "deletion", "Deletions and their certificates: ids and counts.", Source.PLATFORM, "The deletion is done.",
        "For good; whose an erased account was is forgotten when nobody watches its deletion any more.",
        Disposition.KEEP,
    ),
    Rule(
        "recall", "What providers of models are to be asked to delete: their own numbers.", Source.PLATFORM,
        "What they were sent is destroyed here.", "Until they confirmed, and a signed document says so.",
        Disposition.DELETE,
    ),
    Rule(
        "audit", "The audit trail, its log, and investigations.", Source.OPERATOR, "It happened.",
        "MUNIMENT_AUDIT_DAYS (365 days), or until the account is deleted; then nameless, and for good.",
        Disposition.ANONYMIZE_AND_ARCHIVE, owner="head of security",
    ),
    Rule(
        "staff", "Accounts of staff and their jobs; policies that were in force.", Source.OPERATOR, "They leave.",
        "Until an operator removes them; policies for good, as evidence.", Disposition.KEEP, owner="head of operations",
    ),
    Rule(
        "appointments", "Who was to work here and as what, who asked for that and who agreed; no address once decided.",
        Source.PLATFORM, "It was asked for.", "For good, as evidence; it is about no contributor.", Disposition.KEEP,
        owner="head of security",
    ),
    Rule(
        "services", "The register of services: terms, assessments, and who approved them.", Source.PLATFORM,
        "It was registered.", "For good, as evidence of what was sent where on which terms.", Disposition.KEEP,
    ),
    Rule(
        "access_reviews", "Reviews of access: what may do something here, and who confirmed it or ended it.",
        Source.PLATFORM, "It was reviewed.",
        "For good, as evidence; what is about a contributor's API key until the account is deleted.", Disposition.KEEP,
        owner="head of security",
    ),
    Rule(
        "changes", "The change register: what was to change, who agreed to it, and what began to run when.",
        Source.PLATFORM, "It was registered, or began to run.", "For good, as evidence; it is about no contributor.",
        Disposition.KEEP, owner="head of engineering",
    ),
    Rule(
        "findings", "What checks of controls found amiss: how much, whose to mend, by when, until when.",
        Source.PLATFORM, "It was found.", "For good, as evidence; it is about nobody.", Disposition.KEEP,
        owner="head of security",
    ),
    Rule(
        "published_notice", "What staff published for contributors to know: about nobody.", Source.PLATFORM,
        "It was published.", "For good: it shows what was told, and when.", Disposition.KEEP,
    ),
    Rule(
        "continuity", "When the platform was locked down, by whom of staff and why; and when parts of it were away.",
        Source.PLATFORM, "It began.", "For good, as evidence; it is about no contributor.", Disposition.KEEP,
        owner="head of operations",
    ),
    Rule(
        "platform", "What the platform notes about its own work, and about nobody.", Source.PLATFORM, "It happened.",
        "One row each, written over.", Disposition.KEEP, owner="head of operations",
    ),
)  # fmt: skip


def unscheduled() -> list[str]:
    """The tables whose class has no row: how long they stay was never decided."""
    known = {rule.name for rule in SCHEDULE}
    return [str(model.__tablename__) for model in models() if model.card.retention not in known]


def page() -> str:
    """The schedule for people."""
    head = (
        "# The retention schedule\n\nHow long each class of things stays, who decides that, and what happens then. "
        "`retentionSchedule` answers the same.\nGenerated from `storage/retention/schedule.py`; run "
        "`python -m storage.retention.schedule` after changing it.\n\n"
        "A legal hold defers all of it, and is shown to whom it concerns.\n"
    )
    return head + "".join(_section(rule) for rule in SCHEDULE)


def _section(rule: Rule) -> str:
    rows = {
        "counts from": rule.trigger,
        "how long": rule.period,
        "who decides": rule.source.value.lower(),
        "then": rule.disposition.value.lower().replace("_", " "),
        "who answers for it": rule.owner,
        "last looked at": rule.reviewed_on.isoformat(),
        "tables": ", ".join(f"`{each}`" for each in rule.types),
    }
    lines = "".join(f"| {name} | {said} |\n" for name, said in rows.items())
    return f"\n## `{rule.name}`\n\n{rule.what}\n\n|   |   |\n|---|---|\n{lines}"


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with `--check` compare it; answers the exit code."""
    return keep(PAGE, page(), "storage.retention.schedule", arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
