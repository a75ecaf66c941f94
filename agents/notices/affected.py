"""Telling those affected by an incident: the words that two people agreed on, and what the trail knows of each.

What happened and what to do stands in the words. When it was, which of their things, and what was done at once is added
for each, so that nobody is told of more, or of less, than there was.
"""

import uuid
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

from agents import loops
from agents.notices.spreading import AGAIN_SECONDS, NAME
from agents.runtime import Agents, patiently
from agents.turns import TryLater
from resolvers.notices import issue
from storage import incidents, notices
from storage.database import transaction
from storage.incidents import Incident
from storage.keys.errors import KeyDestroyed
from storage.ledger.affected import affected, of_person
from storage.notices import NoticeKind

_MINUTE = timedelta(minutes=1)
_NAMES = {
    "asset": ("file", "files"),
    "blob": ("file", "files"),
    "investigation": ("look at entries about you", "looks at entries about you"),
}
TITLE = "Something happened that concerns your work"

_WHOM_TO_ASK = (
    "What you can do: your access log shows each time that somebody opened something of yours. If you have a question, "
    "or think that this is not right, write to us with fileComplaint. A person answers."
)


def tell_affected(agents: Agents, incident_id: uuid.UUID) -> None:
    """Tell everybody who was not told yet, each once. Whoever is killed in the middle goes on where they were."""
    with transaction(agents.store.engine, read_only=True) as session:
        incident = incidents.sent(session, incident_id)
        if incident is None:
            return
        told = notices.told_of(session, incident_id)
        people = [each for each in affected(session, incident) if each not in told]
    failed = False
    for person in people:
        agents.go_on()
        try:
            patiently(agents, partial(_tell, agents, incident_id, person))
        except KeyDestroyed:
            continue  # their account was erased meanwhile: there is nobody to tell
        except Exception as error:
            if loops.may_pass(error):
                raise
            scope = agents.own_scope(NAME)()
            failed = loops.set_aside(agents.store, scope, "incident_notices", incident_id, error) or failed
    if failed:
        raise TryLater(AGAIN_SECONDS)  # those alone who were not told


def _tell(agents: Agents, incident_id: uuid.UUID, person: uuid.UUID) -> None:
    with agents.acting(NAME, person, run=incident_id) as (work, _access):
        incident = incidents.sent(work.session, incident_id)
        if incident is None:
            return
        words = work.vault.open_as_system(incident, "notice", reason="tell those affected")
        text = letter(words, incident, of_person(work.session, incident, person))
        issue(work, person, NoticeKind.SECURITY, TITLE, text, work.now, incident_id)


def letter(words: str, incident: Incident, things: Counter[str]) -> str:
    """The whole text for one person."""
    parts = [words.strip(), f"When it was: {_when(incident.began_at, incident.contained_at or incident.detected_at)}."]
    if things:
        parts.append(f"What of yours: {_listed(_counted(count, names) for names, count in _named(things).items())}.")
    parts.append(f"What we did at once: {_done(incident)}.")
    return "\n\n".join([*parts, _WHOM_TO_ASK])


def _named(things: Counter[str]) -> Counter[tuple[str, str]]:
    """The same by what people call them, one and many."""
    named: Counter[tuple[str, str]] = Counter()
    for kind, count in sorted(things.items()):
        name = kind.replace("_", " ")
        named[_NAMES.get(kind, (name, f"{name}s"))] += count
    return named


def _when(began: datetime, until: datetime) -> str:
    if until - began < _MINUTE or until < began:
        return f"on {_day(began)} at {began:%H:%M} UTC"
    if began.date() == until.date():
        return f"on {_day(began)} between {began:%H:%M} and {until:%H:%M} UTC"
    return f"between {_day(began)} at {began:%H:%M} and {_day(until)} at {until:%H:%M} UTC"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def _done(incident: Incident) -> str:
    counts = (
        (incident.sessions_ended, ("session was ended", "sessions were ended")),
        (incident.grants_ended, ("permission to look at work was ended", "permissions to look at work were ended")),
        (incident.keys_suspended, ("key of a program was stopped", "keys of programs were stopped")),
        (
            incident.sessions_held + incident.keys_held,
            ("session or key was held back", "sessions or keys were held back"),
        ),
    )
    done = [_counted(number, names) for number, names in counts if number]
    return _listed(done) if done else "our security team was told, and has looked into it"


def _counted(number: int, names: tuple[str, str]) -> str:
    return f"{number} {names[number != 1]}"


def _listed(parts: Iterable[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
