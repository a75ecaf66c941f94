"""Recalling: providers of models are asked to delete what they keep of something that is destroyed here already.

Destroying never waits for this. What is asked holds the provider's own id of its answer, and no word and no id of ours.
Where it may be asked follows from the last terms that two people approved, even if they have run out since or the
service was retired: what lies there should go all the more. No other address, no redirect, and no open end is followed.
At least once: killed between asking and writing the answer down, the same is asked again, and is then not there.
"""

import json
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from urllib.parse import quote

from agents import loops
from agents.erasures.verifying import supplement
from agents.models.providers import Door
from agents.outward import AddressRefused, Answer, NoAnswer, remove
from agents.runtime import Agents
from policies.actions import Action
from storage import recalls, residues, services
from storage.certificates.copies import told_after
from storage.clock import now
from storage.database import transaction
from storage.deletions import Deletion, find
from storage.ledger.events import CopiesRecalled, Outcome
from storage.recalls import ProviderRecall, RecallAnswer

NAME = "erasures"

_AT_ONCE = 20
"""Answers that are written down together, and asked for again by a process that was killed before that."""
_ROUND_SECONDS = 60.0
"""How long a sweep asks; the rest waits for the next one."""
_MOST_DOCUMENTS = 100

_LATER = frozenset({408, 409, 425, 429})

Answers = list[tuple[ProviderRecall, RecallAnswer]]


def recall(agents: Agents, deletion_id: uuid.UUID) -> None:
    """Ask for everything that this deletion left at providers, once; what is not confirmed is left to `recall_due`."""
    silent: set[str] = set()
    while _some(agents, silent, deletion_id=deletion_id):
        pass
    supplement(agents, deletion_id)


def recall_due(agents: Agents) -> None:
    """Ask again where it is time to, and have signed what there is to be said. Raises what `Agents.go_on` raises."""
    silent: set[str] = set()
    failed: set[uuid.UUID] = set()
    until = time.monotonic() + _ROUND_SECONDS
    while time.monotonic() < until and _some(agents, silent, failed=failed):
        pass
    with transaction(agents.store.engine, read_only=True) as session:
        ripe = recalls.ripe(session, now(), _MOST_DOCUMENTS)

    def sign(deletion_id: uuid.UUID) -> None:
        agents.go_on()
        supplement(agents, deletion_id)

    loops.each(agents.store, agents.own_scope(NAME), "recalls", ripe, lambda each: each, sign)


def _some(
    agents: Agents, silent: set[str], deletion_id: uuid.UUID | None = None, *, failed: set[uuid.UUID] | None = None
) -> bool:
    """Ask for a few; whether there were any. A provider that does not answer is `silent`: it is left alone.

    With `failed` the answers of a deletion that can't be kept are set aside there, and it is left alone in this round.
    """
    with transaction(agents.store.engine, read_only=True) as session:
        lines = recalls.due(session, now(), _AT_ONCE, deletion_id=deletion_id, but=silent, without=failed or ())
    answers: dict[uuid.UUID, Answers] = {}
    for line in lines:
        agents.go_on()
        if line.provider in silent:
            continue
        answer = ask(agents, line.provider, line.reference)
        if answer is RecallAnswer.UNREACHABLE:
            silent.add(line.provider)
        answers.setdefault(line.deletion_id, []).append((line, answer))
    for deletion, some in answers.items():
        try:
            _keep(agents, deletion, some)
        except Exception as error:
            if failed is None or loops.may_pass(error):
                raise
            failed.add(deletion)
            loops.set_aside(agents.store, agents.own_scope(NAME)(), "recalls", deletion, error)
    return bool(lines)


def ask(agents: Agents, provider: str, reference: str) -> RecallAnswer:
    """What a provider answers when it is asked to delete what it keeps under its id `reference`."""
    with transaction(agents.store.engine, read_only=True) as session:
        terms = services.last_terms(services.agreed(session, provider), now())
        path = None if terms is None else terms.deletion_path
    if path is None:
        return RecallAnswer.KEPT_BACK
    door = agents.doors.get(provider)
    base, headers = _way(provider, door)
    url = base + path.replace("{id}", quote(reference, safe=""))
    try:
        # An endpoint that the operator named for questions may lie in their own network; no other may.
        return _understood(remove(url, headers, inside_too=agents.inside_too or door is not None))
    except AddressRefused:
        return RecallAnswer.KEPT_BACK
    except NoAnswer:
        return RecallAnswer.UNREACHABLE


def _way(provider: str, door: Door | None) -> tuple[str, dict[str, str]]:
    """Where to, and with which key: none for a provider that is not the operator's endpoint any more."""
    if door is None:
        return f"https://{provider}", {}
    return door.base, {"authorization": f"Bearer {door.api_key}"}


def _understood(answer: Answer) -> RecallAnswer:
    if answer.status in (404, 410):
        return RecallAnswer.NOT_THERE
    if answer.status in _LATER or answer.status >= 500:
        return RecallAnswer.UNREACHABLE
    if not 200 <= answer.status < 300:
        return RecallAnswer.REFUSED
    try:
        said = json.loads(answer.body) if answer.body else None
    except (ValueError, RecursionError):
        said = None
    return RecallAnswer.REFUSED if isinstance(said, dict) and said.get("deleted") is False else RecallAnswer.DELETED


def _keep(agents: Agents, deletion_id: uuid.UUID, answers: Sequence[tuple[ProviderRecall, RecallAnswer]]) -> None:
    with transaction(agents.store.engine, read_only=True) as session:
        deletion = find(session, deletion_id)
    if deletion is None:
        return
    with agents.acting(NAME, deletion.owner_id, run=deletion_id) as (work, access):
        find(work.session, deletion_id, lock=True)
        row = access.get(Deletion, deletion_id, Action.ERASE)
        news = recalls.settle(work.session, answers, work.now)
        if not news:
            return
        row.copies = told_after(row.copies, news, work.now)
        counts = sum(news.values(), Counter[RecallAnswer]())
        told = CopiesRecalled(
            resource_id=row.id,
            subject_id=row.owner_id,
            deleted=counts[RecallAnswer.DELETED],
            not_there=counts[RecallAnswer.NOT_THERE],
            refused=counts[RecallAnswer.REFUSED],
            unreachable=counts[RecallAnswer.UNREACHABLE],
            kept_back=counts[RecallAnswer.KEPT_BACK],
            waiting=recalls.is_waiting(work.session, row.id),
        )
        work.record(told, Outcome.SUCCESS if all(each.confirms for each in counts) else Outcome.FAILED)
        residues.forget_departed(work.session, row.owner_id)
