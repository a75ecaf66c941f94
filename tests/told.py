"""What agents bring about for somebody in a world without agents: something they were told, and a style of theirs."""

from resolvers.notices import issue
from storage.clock import now
from storage.contributors import StyleProfile
from storage.notices import NoticeKind
from tests.world import Person, World, agent_scope, global_id, raw_id


def style(world: World, person: Person, **measures: float) -> None:
    """Keep a style of theirs, as the agent learns one."""
    with world.house.store.begin(agent_scope()) as work:
        row = StyleProfile(owner_id=raw_id(person.id))
        work.vault.seal(row, profile={"version": 1, "briefs": 3, "sentence_words": 14.0, **measures})
        work.session.add(row)


def notice(world: World, person: Person, kind: NoticeKind = NoticeKind.SECURITY) -> str:
    """Something that they were told."""
    with world.house.store.begin(agent_scope()) as work:
        row = issue(work, raw_id(person.id), kind, "Change your password", "Somebody tried many.", now())
    return global_id("Notice", row.id)
