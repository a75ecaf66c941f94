"""What a start looks over: the policy, unless this very program has found this very text sound before."""

from pathlib import Path
from weakref import WeakValueDictionary

import pytest
from sqlalchemy import text

from policies import program
from policies.compiled import FORESEEN
from policies.errors import PolicyError
from policies.resources import PROTECTED
from policies.workbench import checking
from storage import policies
from storage.database import transaction
from tests.policies_at_work import BROKEN, LESS, OWN, hash_of, ruled

pytestmark = pytest.mark.one_database("sqlite", reason="what is looked over at a start does not depend on the database")


@pytest.fixture
def looked_over(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The versions of the policies that were looked over, in order; none of them is in use in this process before."""
    found: list[str] = []
    check = checking.check_source

    def noted(content: bytes, name: str) -> checking.Checked:
        found.append(hash_of(content)[:16])
        return check(content, name)

    monkeypatch.setattr(checking, "check_source", noted)
    monkeypatch.setattr(checking, "_living", WeakValueDictionary())
    return found


def mark_of(home: Path) -> Path:
    return home / "data" / "policy.sound"


def test_what_was_found_sound_is_compiled_as_it_is_asked_for(
    home: Path, database_url: str, cheap_passwords: None, looked_over: list[str]
) -> None:
    """The second start looks nothing over, decides as the first one did, and made only the plans that were needed."""
    query = "query($id: ID!) { project(id: $id) { name viewerCan } }"
    rights = []
    for turn in ("first", "second"):
        checking._living.clear()  # as in a process of its own
        with ruled(home, database_url) as world:
            ada, eve = world.register(f"ada-{turn}"), world.register(f"eve-{turn}")
            project = world.project(ada)
            found = world.ask(query, ada, id=project).data["project"]
            rights.append((found["viewerCan"], world.ask(query, eve, id=project).code))
            made = len(world.house.policy._foreseen)
    assert looked_over == [hash_of(OWN)[:16]]
    assert rights[0] == rights[1] and rights[0][1] == "NOT_FOUND"
    assert 0 < made < len(FORESEEN) * len(PROTECTED)


@pytest.mark.parametrize("why", ["another program", "a forged mark", "no mark"])
def test_without_a_mark_of_ones_own_everything_is_looked_over(
    home: Path, database_url: str, cheap_passwords: None, looked_over: list[str], why: str
) -> None:
    """Then it is marked anew."""
    for _ in range(2):
        with ruled(home, database_url):
            pass
    assert len(looked_over) == 1
    with pytest.MonkeyPatch.context() as changed:
        if why == "another program":
            changed.setattr(program, "_ours", lambda: b"another program")
        elif why == "a forged mark":
            mark_of(home).write_bytes(b"0" * 64)
        else:
            mark_of(home).unlink()
        for _ in range(2):
            with ruled(home, database_url) as world:
                assert world.house.policy.version == hash_of(OWN)[:16]
    assert len(looked_over) == 2


def test_a_mark_is_of_one_text(home: Path, database_url: str, cheap_passwords: None, looked_over: list[str]) -> None:
    """Another policy is looked over, however it came into force; a broken one is refused, and leaves the mark as it was."""
    with ruled(home, database_url) as world:
        store = world.house.store
        marked = mark_of(home).read_bytes()
        broken = OWN + BROKEN["an unknown field"]
        with transaction(store.engine) as session:
            policies.keep(session, hash_of(broken), hash_of(broken)[:16], broken)
            changed = policies.PolicyChange(hash=hash_of(broken), origin=policies.PolicyOrigin.RELOAD, follows=1)
            policies.enter(session, changed)
    with pytest.raises(PolicyError, match="ownr_id"), ruled(home, database_url, broken):
        pass
    assert mark_of(home).read_bytes() == marked
    assert (looked_over[0], set(looked_over[1:])) == (hash_of(OWN)[:16], {hash_of(broken)[:16]})
    with ruled(home, database_url, LESS) as world:
        assert world.house.policy.version == hash_of(LESS)[:16]
        with world.house.store.engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM policy_changes")).scalar_one() == 3
    assert mark_of(home).read_bytes() != marked
