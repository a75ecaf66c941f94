"""Room for a contributor's files: never more than there is, free again when they are gone, and no right waits for it."""

import concurrent.futures
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from agents.erasures import erase
from agents.models.gateway import Gateway
from agents.runtime import Agents
from muniment.controls import by_the_doctor
from muniment.doctor import examine
from resolvers.errors import BadInput
from resolvers.house import House
from resolvers.quotas import grant_at_machine, recount_at_machine
from resolvers.uploads import Upload
from storage import erasures, quotas
from storage.assets import Blob
from storage.clock import now
from storage.database import transaction
from storage.prompts import Prompt, PromptStatus
from storage.quotas import Allowance, Drift, Quota
from tests.footprints import jobs
from tests.storage.test_metadata import jpeg
from tests.world import TEXT, Person, World, raw_id

STORAGE = "{ viewer { storage { usedBytes limitBytes usedFiles limitFiles } } }"
SIZE = len(TEXT)
MOST = 1000


def allow(world: World, byte_size: int, files: int = 100) -> None:
    """What everybody may have, from now on."""
    world.house.limits.__dict__["allowance"] = Allowance(byte_size, files)


def used(world: World, by: Person) -> tuple[int, int]:
    found = world.ask(STORAGE, by).data["viewer"]["storage"]
    return found["usedBytes"], found["usedFiles"]


def announced(world: World, by: Person, project: str, size: int) -> str | None:
    """The code with which an announcement is refused, if it is."""
    said = {"projectId": project, "fileName": "a.txt", "mediaType": "text/plain", "byteSize": size}
    return world.do("createAsset", by, **said).code


def delete(world: World, by: Person, asset: str) -> uuid.UUID:
    return raw_id(world.do("deleteAsset", by, wants="deletion { id }", assetId=asset).data["it"]["deletion"]["id"])


def agents_of(house: House) -> Agents:
    return Agents(house.store, house.force, Gateway([]))


@pytest.fixture
def ada(world: World) -> Person:
    ada = world.register("ada")
    world.step_up(ada)
    return ada


def test_what_does_not_fit_is_refused_before_anything_is_kept(world: World, ada: Person) -> None:
    """The last byte and the last file fit, and no more: no row, no word, no key; the trail has it, and who asks is told."""
    project = world.project(ada)
    allow(world, 2 * SIZE, 2)
    _, url = world.announce(ada, project)
    assert used(world, ada) == (SIZE, 1)  # as if it were here: another one can't take its place meanwhile
    with world.unchanged("quota.exceeded"):
        said = {"projectId": project, "fileName": "a.txt", "mediaType": "text/plain", "byteSize": SIZE + 1}
        answer = world.do("createAsset", ada, **said)
    assert (answer.code, answer.field) == ("QUOTA_EXCEEDED", "byteSize")
    assert f"{SIZE:,} of {2 * SIZE:,} bytes" in answer.message
    told = world.events("quota.exceeded")[-1]
    assert (told["outcome"], told["resource"]) == ("DENIED", "quota")
    assert told["details"] == {"attempted": "create_asset", "byteSize": SIZE + 1, "fileCount": 1}
    assert world.client.put(url, content=TEXT).status_code == 201
    world.asset(ada, project)
    allow(world, 10 * SIZE, 2)
    with world.unchanged("quota.exceeded"):
        assert announced(world, ada, project, 1) == "QUOTA_EXCEEDED"  # there are two files
    found = world.ask("{ myData { quota { usedBytes limitFiles } } viewer { storage { limitBytes } } }", ada).data
    assert found["myData"]["quota"] == {"usedBytes": 2 * SIZE, "limitFiles": 2}
    assert found["viewer"]["storage"] == {"limitBytes": 10 * SIZE}


@pytest.mark.one_database(
    "sqlite", reason="who is asked and told is the same on both; how it is counted is tried on both"
)
def test_a_sender_who_announces_little_and_sends_much_gets_no_more_room(world: World, ada: Person) -> None:
    """Whether it says how much is coming or not: what was announced is the most that comes, whole or in parts."""
    project = world.project(ada)
    allow(world, SIZE)
    _, url = world.announce(ada, project, 10)
    with world.unchanged("asset.upload_refused", "asset.upload_refused", "asset.upload_refused"):
        whole = world.client.put(url, content=TEXT)
        streamed = world.client.put(url, content=iter([TEXT[:5], TEXT[5:]]))
        headers = {"content-type": "application/offset+octet-stream", "upload-offset": "0"}
        part = world.client.patch(url, content=TEXT, headers=headers)
    assert [each.status_code for each in (whole, streamed, part)] == [413, 413, 413]
    assert used(world, ada) == (10, 1)


def test_those_who_announce_at_once_do_not_get_more_together(world: World, ada: Person) -> None:
    """Sixteen at the same moment, room for five: five are told yes, and five are there."""
    project = world.project(ada)
    allow(world, 5 * SIZE)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: announced(world, ada, project, SIZE), range(16)))
    assert sorted(codes, key=str) == [None] * 5 + ["QUOTA_EXCEEDED"] * 11
    assert used(world, ada) == (5 * SIZE, 5)
    with transaction(world.house.store.engine, read_only=True) as session:
        assert not quotas.drifted(session)


def test_room_is_free_when_the_file_is_gone_and_not_before(world: World, ada: Person) -> None:
    """Also of an announcement whose bytes never came. Until its file and key are destroyed, a deletion frees nothing."""
    project = world.project(ada)
    kept, never = world.asset(ada, project), world.announce(ada, project, 5 * SIZE)[0]
    allow(world, 6 * SIZE)
    asked = [delete(world, ada, kept), delete(world, ada, never)]
    assert used(world, ada) == (6 * SIZE, 2)
    assert announced(world, ada, project, 1) == "QUOTA_EXCEEDED"
    erase(agents_of(world.house), asked[0])
    assert used(world, ada) == (5 * SIZE, 1)
    erase(agents_of(world.house), asked[1])
    assert used(world, ada) == (0, 0)
    assert announced(world, ada, project, 6 * SIZE) is None


def test_a_full_quota_takes_no_right_away(world: World, ada: Person) -> None:
    """Whoever has more than they may have reads, fetches, writes, exports and deletes; only files do not come in.

    What was announced before is turned away too, whole or in parts, and nothing of it is kept.
    """
    project = world.project(ada)
    asset = world.asset(ada, project)
    _, url = world.announce(ada, project)
    allow(world, SIZE)
    headers = {"content-type": "application/offset+octet-stream", "upload-offset": "0"}
    with world.unchanged("quota.exceeded", "quota.exceeded"):
        answers = [world.client.put(url, content=TEXT), world.client.patch(url, content=TEXT, headers=headers)]
    for answer in answers:
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (413, "QUOTA_EXCEEDED")
    assert world.events("quota.exceeded")[-1]["details"]["attempted"] == "upload"
    assert world.client.get(world.content_url(ada, asset)).content == TEXT
    world.output(world.prompt(ada, project))
    before = used(world, ada)
    export = world.do("requestExport", ada, wants="export { id }", scope="ACCOUNT").data["it"]["export"]["id"]
    world.ready_export(export)
    assert used(world, ada) == before  # neither what agents made nor what is taken out is counted
    erase(agents_of(world.house), delete(world, ada, asset))
    assert world.client.put(url, content=TEXT).status_code == 201  # now it fits


@pytest.mark.one_database(
    "sqlite", reason="who is asked and told is the same on both; how it is counted is tried on both"
)
def test_a_guest_takes_the_owners_room_and_is_not_told_how_much_there_is(world: World, ada: Person) -> None:
    """Files in a project are its owner's, whoever sends them."""
    project, guest = world.project(ada), world.register("ben")
    world.share(ada, project, guest, "EDITOR")
    allow(world, SIZE + 10)
    world.asset(guest, project)
    assert (used(world, ada), used(world, guest)) == ((SIZE, 1), (0, 0))
    said = {"projectId": project, "fileName": "a.txt", "mediaType": "text/plain", "byteSize": 11}
    refused = world.do("createAsset", guest, **said)
    assert (refused.code, refused.message) == (
        "QUOTA_EXCEEDED",
        "The owner of this project has no room for 11 bytes. Ask them to make some.",
    )
    assert world.ask(STORAGE).data["viewer"]["storage"] is None
    _, key = world.key(ada, "read")
    assert used(world, key) == (SIZE, 1)


@pytest.mark.one_database(
    "sqlite", reason="who is asked and told is the same on both; how it is counted is tried on both"
)
def test_metadata_that_is_taken_out_takes_no_room(world: World, ada: Person) -> None:
    """What was announced is counted until the file is here, and then what is kept of it."""
    world.do("updatePrivacyPreferences", ada, stripMetadata=True).data  # noqa: B018 - fails where it did not work
    body = jpeg()
    asset = world.asset(ada, world.project(ada), body, mediaType="image/jpeg")
    kept = world.ask("query($id: ID!) { asset(id: $id) { byteSize } }", ada, id=asset).data["asset"]["byteSize"]
    assert kept < len(body)
    assert used(world, ada) == (kept, 1)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["announce", "fill", "delete", "fill badly", "announce, killed", "fill, killed", "delete, killed"]
        ),
        st.integers(0, 5),
        st.integers(1, 400),
    ),
    min_size=6,
    max_size=14,
)


@contextmanager
def killed(place: object, name: str) -> Iterator[None]:
    """What `place.name` does is done, and nothing behind it: no commit comes."""
    real = getattr(place, name)

    def last(*given: Any, **named: Any) -> None:
        real(*given, **named)
        raise RuntimeError("killed here")

    with mock.patch.object(place, name, last):
        yield


class Held:
    """Somebody's files as they should be: what was announced, and what is here."""

    def __init__(self, world: World) -> None:
        self.world, self.ada = world, world.register("ada")
        world.step_up(self.ada)
        self.project = world.project(self.ada)
        self.agents = agents_of(world.house)
        self.waiting: list[tuple[str, str, int]] = []
        self.here: list[tuple[str, int]] = []

    @property
    def counted(self) -> tuple[int, int]:
        sizes = [each[-1] for each in (*self.waiting, *self.here)]
        return sum(sizes), len(sizes)

    def do(self, what: str, which: int, size: int) -> None:
        fits = self.counted[0] + size <= MOST and self.counted[1] < 4
        match what:
            case "announce" if fits:
                self.waiting.append((*self.world.announce(self.ada, self.project, size), size))
            case "announce":
                assert announced(self.world, self.ada, self.project, size) == "QUOTA_EXCEEDED"
            case "announce, killed" if fits:
                with killed(quotas, "take"):
                    assert announced(self.world, self.ada, self.project, size) == "INTERNAL_SERVER_ERROR"
            case "fill" | "fill badly" | "fill, killed" if self.waiting:
                self.fill(what, which % len(self.waiting))
            case "delete" | "delete, killed" if self.here:
                asset, lost = self.here.pop(which % len(self.here))
                deletion = delete(self.world, self.ada, asset)
                if what != "delete":
                    with killed(erasures, "destroy_rows"), pytest.raises(RuntimeError):
                        erase(self.agents, deletion)
                    assert used(self.world, self.ada) == (self.counted[0] + lost, self.counted[1] + 1)
                erase(self.agents, deletion)

    def fill(self, what: str, which: int) -> None:
        asset, url, size = self.waiting[which]
        if what == "fill badly":
            assert self.world.client.put(url, content=b"x" * (size + 1)).status_code == 413
        elif what == "fill, killed":
            with killed(Upload, "_commit"):
                assert self.world.client.put(url, content=b"x" * size).status_code == 500
        else:
            del self.waiting[which]
            assert self.world.client.put(url, content=b"x" * size).status_code == 201
            self.here.append((asset, size))


@settings(
    max_examples=3, phases=[Phase.generate], deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_what_is_counted_is_what_is_held(world: World, steps: list[tuple[str, int, int]]) -> None:
    """Whatever comes, goes, and breaks off: what is announced and what is here is counted, and never more than may be."""
    allow(world, MOST, 4)
    held = Held(world)
    for step in steps:
        held.do(*step)
        assert used(world, held.ada) == held.counted
    owner = raw_id(held.ada.id)
    with transaction(world.house.store.engine, read_only=True) as session:
        files = {row.id: row.byte_size for row in session.scalars(select(Blob).where(Blob.owner_id == owner))}
        assert not quotas.drifted(session)
    assert sorted(files.values()) == sorted(size for _, size in held.here)
    assert all(world.house.store.blobs.exists(each) for each in files)


def test_a_count_that_is_wrong_is_found_and_put_right(world: World, ada: Person) -> None:
    """By the doctor, which says what to do, and the daily check behind `room`; nobody's limit is lost over it."""
    world.asset(ada, world.project(ada))
    owner, engine = raw_id(ada.id), world.house.store.engine
    assert _doctor(world) == (
        True,
        "1 files of 0 MiB are counted, 1 contributors; 0 have taken nine tenths of their room",
    )
    grant_at_machine(world.house, ada.email, SIZE + 1, None)
    with transaction(engine) as session:
        session.execute(update(Quota).values(files=7, byte_size=5))
        session.execute(insert(Quota).values(owner_id=uuid.UUID(int=1), files=3, byte_size=3))
    with transaction(engine, read_only=True) as session:
        wrong = {each.owner_id: each for each in quotas.drifted(session)}
    assert wrong == {owner: Drift(owner, 1, SIZE), uuid.UUID(int=1): Drift(uuid.UUID(int=1), 0, 0)}
    good, text = _doctor(world)
    assert not good
    assert "`quota recount`" in text
    assert by_the_doctor("room", examine(world.settings))[0] == 1
    assert recount_at_machine(world.house) == 2
    assert world.events("quota.recounted")[-1]["details"] == {"corrected": 2}
    assert recount_at_machine(world.house) == 0
    assert used(world, ada) == (SIZE, 1)
    assert _doctor(world)[1].endswith("1 have taken nine tenths of their room")


def _doctor(world: World) -> tuple[bool, str]:
    return next((each.good, each.text) for each in examine(world.settings) if each.about == "quotas")


def test_one_contributor_may_be_given_more_or_less(world: World, ada: Person) -> None:
    """By whoever runs the server: it holds for them alone, until it is taken back, and is in the trail."""
    project, ben = world.project(ada), world.register("ben")
    allow(world, SIZE)
    use = grant_at_machine(world.house, ada.email, None, 0)
    assert (use.most_bytes, use.most_files) == (SIZE, 0)
    assert announced(world, ada, project, 1) == "QUOTA_EXCEEDED"
    grant_at_machine(world.house, ada.email, 3 * SIZE, None)
    assert announced(world, ada, project, 2 * SIZE) is None
    assert announced(world, ben, world.project(ben), SIZE + 1) == "QUOTA_EXCEEDED"
    assert world.events("quota.granted")[-1]["details"] == {"mostBytes": 3 * SIZE, "mostFiles": None}
    over = grant_at_machine(world.house, ada.email, None, None)
    assert over.over
    assert announced(world, ada, project, 1) == "QUOTA_EXCEEDED"
    with world.unchanged():
        for email, limit in (("nobody@example.org", 1), (ada.email, -1)):
            with pytest.raises(BadInput):
                grant_at_machine(world.house, email, limit, None)


def _rows(world: World) -> tuple[int, set[str]]:
    with transaction(world.house.store.engine, read_only=True) as session:
        return len(session.scalars(select(Prompt.id)).all()), jobs(world.house.store.engine)


def test_no_more_prompts_wait_than_may(world: World) -> None:
    """Of one contributor, in whatever project: the next is refused whole, until one has ended. Others' go on."""
    world.house.limits.__dict__["prompts_waiting"] = 3
    ada, ben = world.register("ada"), world.register("ben")
    hers, shared = world.project(ada), world.project(ben)
    first = [world.prompt(ada, hers) for _ in range(3)]
    before = _rows(world)
    refused = world.do("submitPrompt", ada, projectId=hers, text="One more.")
    assert refused.code == "QUOTA_EXCEEDED"
    assert _rows(world) == before
    world.prompt(ben, shared)
    with transaction(world.house.store.engine) as session:
        session.execute(update(Prompt).where(Prompt.id == raw_id(first[0])).values(status=PromptStatus.COMPLETED))
    world.prompt(ada, hers)
    assert world.do("submitPrompt", ada, projectId=hers, text="One more.").code == "QUOTA_EXCEEDED"


def test_no_more_prompts_are_submitted_in_a_day_than_may_be(world: World) -> None:
    """Also where none waits; a day later there may be more."""
    world.house.limits.__dict__["prompts_per_day"] = 2
    ada = world.register("ada")
    hers = world.project(ada)
    for _ in range(2):
        world.prompt(ada, hers)
    with transaction(world.house.store.engine) as session:
        session.execute(update(Prompt).values(status=PromptStatus.COMPLETED))
    assert world.do("submitPrompt", ada, projectId=hers, text="One more.").code == "QUOTA_EXCEEDED"
    with transaction(world.house.store.engine) as session:
        session.execute(update(Prompt).values(created_at=now() - timedelta(days=1, seconds=1)))
    world.prompt(ada, hers)


def test_those_who_submit_at_once_do_not_get_more_together(world: World) -> None:
    """Twenty at once, of which three may wait: three are taken."""
    world.house.limits.__dict__["prompts_waiting"] = 3
    ada = world.register("ada")
    hers = world.project(ada)

    def submit(_number: int) -> str | None:
        return world.do("submitPrompt", ada, projectId=hers, text="At once.").code

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(submit, range(20)))
    assert codes.count(None) == 3
    assert codes.count("QUOTA_EXCEEDED") == 17
    assert _rows(world)[0] == 3
