"""The sentinel looked at from outside: when it was last there, and a drill that shows what it does."""

from contextlib import suppress

from agents.ledger import Sequencer
from agents.sentinel import Sentinel
from agents.sentinel.drilling import PEOPLE, drill
from muniment.house import checkpoint_place, open_house
from muniment.settings import Settings
from resolvers import outages
from storage import set_aside
from storage.database import transaction
from storage.ledger.sequencing import Overtaken


def play(settings: Settings, seconds: float) -> list[str]:
    """A drill in this installation, beside its server or without one; answers what to print. Raises DrillFailed."""
    with open_house(settings) as house:
        sequencer = Sequencer(house.store, checkpoint_place(settings), house.policy_version)
        sentinel = Sentinel(house.store, house.policy_version)

        def turn() -> None:
            with suppress(Overtaken):  # the server's own was faster
                sequencer.advance()
            sentinel.advance()

        try:
            found = drill(house, turn, longest_seconds=seconds)
        finally:
            sentinel.release()
    return [
        f"Injected: a session of somebody made up, and reads of {PEOPLE} people's work, who are made up too.",
        f"detected   after {found.detected:7.3f} s   incident {found.incident_id}, detection D02",
        f"contained  after {found.contained:7.3f} s   {found.sessions_ended} session ended, in the same transaction",
        f"alerted    after {found.alerted:7.3f} s   security, privacy: in the log and in the trail",
        f"proved     after {found.refused:7.3f} s   the session's token, good before, is refused: UNAUTHENTICATED",
        f"affected   {found.affected} people, computed from the trail",
        "The incident is closed, and marked as a drill.",
    ]


def standing(settings: Settings, most_seconds: int) -> tuple[str, bool]:
    """When the sentinel was last there and how far behind it is, in words; whether that is all right."""
    with open_house(settings) as house:
        lag = outages.detection(house)
    silent = lag.silent.total_seconds()
    if lag.is_late:
        return lag.words(), silent <= most_seconds
    if not lag.has_run:
        return "The sentinel has never been here: it runs with the agents (serve, or work).", False
    return (
        f"The sentinel was here {silent:.0f} seconds ago, and is {lag.unread} entries behind.",
        silent <= most_seconds,
    )


def set_aside_lines(settings: Settings, most: int) -> list[str]:
    """Return a line for each item that an unattended loop has set aside, the oldest first: ids, causes and times."""
    with open_house(settings) as house, transaction(house.store.engine, read_only=True) as session:
        return [
            f"{each.loop}  {each.item_id}  {each.cause}  attempts {each.attempts}"
            f"  first {each.first_at:%Y-%m-%d %H:%M:%S}  next {each.next_at:%Y-%m-%d %H:%M:%S}"
            for each in set_aside.listed(session, most)
        ]
