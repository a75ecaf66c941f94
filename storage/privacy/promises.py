"""The privacy policy: promises in plain words, each with the test that shows that it is kept.

Facts that an operator sets come in as `Facts`; preferences, services, cards and the schedule from their registers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from storage.certificates.statements import UNSAID, BackupPeriods
from storage.notices import LEAD, NoticeKind
from storage.services import DataCategory, Service, ServiceKind

WORK = frozenset({DataCategory.ASSETS, DataCategory.PROMPTS, DataCategory.STYLE})
"""What no service is sent unless the person whose it is allows that."""
SORTS = {
    DataCategory.ASSETS: "your files",
    DataCategory.AUDIT_EVENTS: "the record of what was done, with no names",
    DataCategory.CIPHERTEXT: "locked data that it can't open",
    DataCategory.CONTACT: "your e-mail address",
    DataCategory.PROMPTS: "your prompts",
    DataCategory.STYLE: "your style",
    DataCategory.USAGE: "how this place is used",
}
"""What is meant by each, for people."""


@dataclass(frozen=True)
class Facts:
    """What the operator of this installation has set."""

    services: tuple[Service, ...] = ()
    """Those that are in force or announced."""
    session: timedelta = timedelta(hours=12)
    grant: timedelta = timedelta(hours=24)
    export: timedelta = timedelta(days=7)
    audit: timedelta = timedelta(days=365)
    notice: timedelta = timedelta(days=7)
    service_notice: timedelta = timedelta(days=14)
    backups: BackupPeriods = UNSAID
    mail: bool = False


@dataclass(frozen=True)
class Promise:
    """One promise. `check` is the test that shows that it is kept, as `file::test`."""

    id: str
    text: Callable[[Facts], str]
    check: str


@dataclass(frozen=True)
class Section:
    """A part of the policy: a question, and the promises that answer it."""

    name: str
    title: str
    promises: tuple[Promise, ...]


def span(length: timedelta) -> str:
    """A length of time for people: “7 days”, “12 hours”, “1 minute”."""
    for seconds, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        count = length.total_seconds() / seconds
        if count >= 1 and count == int(count):
            return f"{int(count):,} {unit}{'' if count == 1 else 's'}"
    return f"{length.total_seconds() / 3600:.1f} hours"


def _services(facts: Facts) -> str:
    outside = [each for each in facts.services if each.kind is not ServiceKind.INTERNAL]
    working = [each for each in outside if WORK & set(each.categories)]
    if not working:
        said = "Every model that we use runs on our own machines. What you write does not leave them."
    else:
        names = ", ".join(f"{each.operator} at {each.address}{_trains(each)}" for each in working)
        said = f"Your work can go to others: {names}. None of them gets a thing of yours until you name it."
    helping = ", ".join(each.operator for each in outside if each not in working)
    if not helping:
        return said
    return f"{said} Others help us run this place: {helping}. They get no work of yours that they can read."


def _trains(service: Service) -> str:
    return " (it trains models, so you must allow that too)" if service.trains_on_inputs else ""


def _backups(facts: Facts) -> str:
    if facts.backups.data is None or facts.backups.keys is None:
        return "Backups can hold a copy for some time. We have not yet said for how long. Your certificate says so too."
    longest = max(facts.backups.data, facts.backups.keys)
    return (
        f"Backups of the data go after {span(facts.backups.data)}, and backups of the keys after "
        f"{span(facts.backups.keys)}. So after {span(longest)} no copy can be opened any more."
    )


def _ways(facts: Facts) -> str:
    also = (
        ", by e-mail, and to an address of your own if you name one" if facts.mail else ", and to an address of your "
    )
    also = also if facts.mail else f"{also}own if you name one"
    return f"We tell you in your inbox here{also}. You can keep news out of your e-mail. All else always comes."


def _ahead(facts: Facts) -> str:
    if not facts.service_notice:
        return " when it begins"
    return f" at least {span(facts.service_notice)} before it gets a thing"


def _always(text: str) -> Callable[[Facts], str]:
    return lambda _: text


_LEAD = span(LEAD[NoticeKind.POLICY])

POLICY: tuple[Section, ...] = (
    Section(
        "collected", "What do you collect?", (
            Promise("collected.given", _always("You give us your e-mail address, a name and a password. You give us "
                "the files you upload and the words you write. The list below shows each kind of data."),
                "tests/contract/test_the_privacy_policy.py::test_every_table_about_people_has_a_card"),
            Promise("collected.record", _always("We note who did what here, and when. This record holds no word of "
                "your work."),
                "tests/faults/test_plaintext.py::test_the_marker_is_found_nowhere_in_clear"),
            Promise("collected.metadata", _always("If you like, we take out the camera data and places that are hidden "
                "in your images."),
                "tests/muniment/test_uploaded_metadata.py::test_an_image_loses_its_metadata_if_its_owner_says_so"),
        ),
    ),
    Section(
        "used", "What do you use it for?", (
            Promise("used.asked", _always("We use your work to do what you ask us to do. Each other use starts "
                "switched off, and stays off until you switch it on."),
                "tests/contract/test_every_preference_is_enforced.py::test_everything_is_off_until_it_is_switched_on"),
            Promise("used.training", _always("We train nothing on your work. A service that trains models gets "
                "none of it unless you allow just that."),
                "tests/agents/test_egress.py::test_a_brief_stays_here_where_one_thing_is_not_in_order"),
            Promise("used.stop", _always("If you switch a use off, it stops. Work that is under way stops at its next "
                "step."),
                "tests/agents/test_preferences.py::test_taken_back_while_it_runs_the_run_stops"),
        ),
    ),
    Section(
        "shared", "Who else gets to see it?", (
            Promise("shared.staff", lambda facts: "Nobody who works here can open your work because of their job. They "
                "must ask, and say why. You decide. If you can't be asked, a second person decides. Access ends after "
                f"at most {span(facts.grant)}, and you see each look.",
                "tests/policies/test_policy_names.py::test_no_job_opens_content_however_many_are_held"),
            Promise("shared.services", _services,
                "tests/agents/test_egress.py::test_a_brief_stays_here_where_one_thing_is_not_in_order"),
            Promise("shared.people", _always("If you share a project, those people see what is in it. That ends when "
                "you say so."),
                "tests/resolvers/test_ladder.py::"
                "test_each_caller_is_told_what_the_policy_says_and_nothing_happens_after_a_refusal"),
        ),
    ),
    Section(
        "stored", "How do you keep it safe, and how long?", (
            Promise("stored.locked", _always("Your work is locked with keys of your own while it comes in. It never "
                "lies open on a disk. The keys are kept in another place than the data."),
                "tests/faults/test_stolen_data.py::test_data_with_the_keys_of_a_fresh_installation_opens_nothing"),
            Promise("stored.choice", _always("You choose how long your work stays. If you choose nothing, it stays "
                "until you delete it."),
                "tests/agents/test_retention.py::test_what_is_due_goes_at_that_second_and_is_certified"),
            Promise("stored.record", lambda facts: f"The record of what was done forgets who it was after "
                f"{span(facts.audit)}, or when you leave.",
                "tests/agents/test_ageing.py::test_people_are_forgotten_by_age_and_proofs_stay_valid"),
        ),
    ),
    Section(
        "deleted", "How does it go away?", (
            Promise("deleted.anytime", _always("You can delete one thing, a project, or all you have here, at any "
                "time. We destroy the keys and take the data away. Then another part of the program counts what is "
                "left, and you get a signed note of it that you can check."),
                "tests/agents/test_erasures.py::test_an_erased_account_leaves_its_deletion_and_nothing_else"),
            Promise("deleted.told", lambda facts: f"If something goes by the time you chose, we tell you at least "
                f"{span(facts.notice)} before.",
                "tests/agents/test_retention.py::test_what_goes_is_told_to_whom_it_belongs"),
            Promise("deleted.backups", _backups,
                "tests/contract/test_the_privacy_policy.py::test_facts_of_the_operator_stand_in_the_policy"),
            Promise("deleted.law", _always("A law or a court can make us keep something. Two people must agree to "
                "that, and you see it, with the reason."),
                "tests/agents/test_retention.py::test_a_legal_hold_wins_over_retention"),
        ),
    ),
    Section(
        "told", "How will I hear of changes?", (
            Promise("told.ways", _ways, "tests/agents/test_notices.py::test_news_alone_can_be_muted"),
            Promise("told.before", _always(f"If this policy changes, we tell you at least {_LEAD} before."),
                "tests/resolvers/test_notices.py::test_what_is_told_too_late_or_badly_is_not_published"),
            Promise("told.services", lambda facts: f"We tell you of a new service{_ahead(facts)}. We tell you when one "
                "ends, too.",
                "tests/resolvers/test_services.py::test_contributors_are_told_what_begins_and_what_ends"),
            Promise("told.safety", _always("News about your safety comes at once, and never in one letter with "
                "anything else."),
                "tests/agents/test_notices.py::test_it_comes_by_mail_and_to_the_webhook"),
        ),
    ),
)  # fmt: skip
