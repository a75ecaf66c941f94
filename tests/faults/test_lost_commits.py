"""The answer of each COMMIT is lost once, and each COMMIT fails once, in every use case that has effects outside.

Afterwards either all is there and opens, or nothing is, and what is sent again is answered as the first would have been.
"""

import contextlib
import io
import itertools
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select

from agents import imports, runtime, thumbnails
from agents.erasures import erase
from agents.exports import build_export, discard_export, expire
from agents.generation import WORKFLOW
from agents.imports import Wishes
from agents.ledger import Sequencer
from agents.models.endpoints import Endpoint
from agents.models.gateway import Gateway
from agents.runtime import Agents, Stopping
from muniment import controls
from muniment.house import checkpoint_place
from resolvers.errors import Conflict
from storage import resealing, rotations, scrubbing
from storage.archives import reading
from storage.assets import Asset, Blob
from storage.blobs.contexts import FileKind
from storage.clock import now
from storage.database import transaction
from storage.deletions import Deletion, DeletionStatus
from storage.exports import Export, ExportStatus
from storage.file_bindings import FileBindings
from storage.ledger import signing, tree
from storage.ledger.entries import AuditEvent
from storage.ledger.publishing import Outside
from storage.outputs import Output
from storage.prompts import Prompt, PromptStatus
from tests.agents.gates import Open
from tests.agents.standins import StandIn
from tests.faults.lost_commits import Commits, Fault, assert_whole, watched
from tests.faults.postgresql_proxy import Cut, Proxy, proxied
from tests.muniment.test_thumbnails import wide
from tests.storage.test_metadata import jpeg
from tests.unbound_files import unbound
from tests.world import PASSWORD, TEXT, Person, World, opened, raw_id

MOST_COMMITS = 1000
STRIDES = {"rotate": 23}
"""Of a use case with hundreds of COMMITs, most of which end a reading, every 23rd fails."""
MODEL = "smollm2-135m-instruct"
PATCH = {"content-type": "application/offset+octet-stream", "tus-resumable": "1.0.0"}


@dataclass
class Case:
    """One run of a use case, in which the COMMIT with this number fails."""

    world: World
    agents: Agents
    commits: Commits | Proxy
    number: int
    fault: Any
    tried: bool = False

    def attempt(self, call: Callable[[], Any]) -> Any:
        """What `call` answers while the COMMIT may fail; None where it raises what a job may raise then."""
        self.tried = True
        self.commits.fail(self.number, self.fault)
        try:
            return call()
        except (*runtime.PASSING, Stopping):
            return None  # a job is run again by the queue
        finally:
            self.commits.disarm()

    def whole(self) -> None:
        """All that rows name opens, and nothing else is there."""
        assert_whole(self.world, self.agents)

    def person(self) -> Person:
        """Somebody new, with a proof that it is them."""
        person = self.world.register("ada")
        self.world.step_up(person)
        return person

    def one(self, model: Any, row_id: uuid.UUID) -> Any:
        """A row as it is now."""
        with transaction(self.agents.store.engine, read_only=True) as session:
            return session.get(model, row_id)


def answered(answer: Any, *, well: int) -> bool:
    """Whether a request went well. Else it was refused for the time being, without a claim that nothing changed."""
    if answer.status_code == well:
        return True
    assert answer.status_code == 503, answer.text
    assert "othing was changed" not in answer.text
    assert "UNAVAILABLE" in answer.text
    return False


def register(case: Case) -> None:
    email = f"case{uuid.uuid4().hex}@example.org"
    given = {"email": email, "password": PASSWORD, "displayName": "case"}
    case.attempt(lambda: case.world.do("registerContributor", None, wants="session { token }", **given))
    case.whole()
    again = case.world.do("registerContributor", None, wants="session { token }", **given)
    assert again.code in (None, "CONFLICT")
    case.world.sign_in(email).data  # noqa: B018 - fails the test where the account does not work


def create_project(case: Case) -> None:
    person = case.person()
    made = case.attempt(lambda: case.world.do("createProject", person, wants="project { id name }", name="Autumn"))
    case.whole()
    assert made.code in (None, "UNAVAILABLE")
    names = "{ projects { edges { node { id name } } } }"
    found = [each["node"] for each in case.world.ask(names, person).data["projects"]["edges"]]
    assert [each["name"] for each in found] in ([], ["Autumn"])
    for each in found:
        case.world.asset(person, each["id"])


def upload(case: Case) -> None:
    person = case.person()
    asset, url = case.world.announce(person, case.world.project(person))
    answered(case.attempt(lambda: case.world.client.put(url, content=TEXT)), well=201)
    case.whole()
    again = case.world.client.put(url, content=TEXT)
    assert (again.status_code, again.json()) == (201, {"status": "AVAILABLE", "byteSize": len(TEXT)})
    assert case.world.client.get(case.world.content_url(person, asset)).content == TEXT
    assert case.world.client.put(url, content=TEXT.upper()).status_code == 409
    case.whole()


def upload_in_parts(case: Case) -> None:
    """An image whose metadata are taken out, so that fewer bytes are kept than came."""
    person = case.person()
    case.world.do("updatePrivacyPreferences", person, stripMetadata=True).data  # noqa: B018 - as above
    body = jpeg()
    asset, url = case.world.announce(
        person, case.world.project(person), len(body), mediaType="image/jpeg", fileName="a.jpg"
    )
    half = len(body) // 2

    def patch(start: int, stop: int | None) -> Any:
        return case.world.client.patch(url, content=body[start:stop], headers={**PATCH, "upload-offset": str(start)})

    assert patch(0, half).status_code == 204
    if not answered(case.attempt(lambda: patch(half, None)), well=204):
        again = patch(half, None)
        assert (again.status_code, again.headers.get("upload-offset")) == (204, str(len(body)))
    case.whole()
    got = case.world.client.get(case.world.content_url(person, asset))
    assert (got.status_code, len(got.content)) == (200, case.one(Asset, raw_id(asset)).byte_size)
    assert case.world.client.put(url, content=body).status_code == 201
    case.whole()


def make_thumbnail(case: Case) -> None:
    person = case.person()
    asset = case.world.asset(person, case.world.project(person), wide(), mediaType="image/jpeg", fileName="a.jpg")
    case.attempt(lambda: thumbnails.make(case.agents, raw_id(asset)))
    case.whole()
    thumbnails.make(case.agents, raw_id(asset))
    assert case.one(Asset, raw_id(asset)).thumbnail_id is not None
    case.whole()


def bind_file(case: Case) -> None:
    """A file in format 1 that is written anew, and the old one that is removed."""
    person = case.person()
    with unbound(case.world.house.store):
        asset = case.world.asset(person, case.world.project(person))
    bindings, scope = FileBindings(case.world.house.store), controls.scope(case.world.house)
    case.attempt(lambda: bindings.bind_some(scope, lambda: None))
    case.whole()
    for _ in range(3):  # the next goes on behind it, the second binds it, the third removes the old one
        bindings.bind_some(scope, lambda: None)
        case.whole()
    assert case.world.client.get(case.world.content_url(person, asset)).content == TEXT
    with transaction(case.agents.store.engine, read_only=True) as session:
        [blob] = session.scalars(select(Blob).where(Blob.object_id == raw_id(asset)))
    assert blob.kind is FileKind.CONTENT


def _export(case: Case, person: Person) -> uuid.UUID:
    asked = case.world.do("requestExport", person, wants="export { id }", scope="ACCOUNT")
    return raw_id(asked.data["it"]["export"]["id"])


def _with_asset(case: Case) -> tuple[Person, str, str]:
    person = case.person()
    project = case.world.project(person)
    return person, project, case.world.asset(person, project)


def build(case: Case) -> None:
    person, _, _ = _with_asset(case)
    export = _export(case, person)
    case.attempt(lambda: build_export(case.agents, export))
    build_export(case.agents, export)
    case.whole()
    assert case.one(Export, export).status is ExportStatus.READY


def expire_exports(case: Case) -> None:
    person, _, _ = _with_asset(case)
    export = _export(case, person)
    build_export(case.agents, export)
    with time_machine.travel(now() + timedelta(days=60), tick=True):
        case.attempt(lambda: expire(case.agents))
        expire(case.agents)
    case.whole()
    assert case.one(Export, export).status is ExportStatus.EXPIRED


def withdraw_export(case: Case) -> None:
    person, _, _ = _with_asset(case)
    export = _export(case, person)
    build_export(case.agents, export)
    gid = case.world.ask("{ exports { edges { node { id } } } }", person).data["exports"]["edges"][0]["node"]["id"]
    case.world.do("deleteExport", person, exportId=gid).data  # noqa: B018 - as above
    case.attempt(lambda: discard_export(case.agents, export))
    discard_export(case.agents, export)
    case.whole()


def take_in_archive(case: Case) -> None:
    person, project, _ = _with_asset(case)
    case.world.output(case.world.prompt(person, project))
    export = _export(case, person)
    build_export(case.agents, export)
    row = case.one(Export, export)
    archive = b"".join(case.agents.store.blobs.reader(row.blob_id, row.byte_size, row.file).read())
    nova = raw_id(case.person().id)
    store = case.agents.store

    def take_in() -> None:
        opened = reading.open_archive(io.BytesIO(archive), signing.known_keys(store.origin, store.keyring), 10**9)
        imports.take_in(case.agents, nova, opened, Wishes(upload_bytes=1_000_000))

    case.attempt(take_in)
    with contextlib.suppress(Conflict):  # it was taken in to its end
        take_in()
    case.whole()
    with transaction(store.engine, read_only=True) as session:
        for model in (Asset, Output):
            assert session.scalar(select(func.count()).select_from(model).where(model.owner_id == nova)) == 1


def _erase(case: Case, mutation: str, **given: Any) -> None:
    person, project, asset = _with_asset(case)
    named = {"assetId": asset, "projectId": project}
    asked = {name: named.get(name, value) for name, value in given.items()}
    made = case.world.do(mutation, person, wants="deletion { id }", **asked).data
    deletion = raw_id(made["it"]["deletion"]["id"])
    case.attempt(lambda: erase(case.agents, deletion))
    erase(case.agents, deletion)
    case.whole()
    assert case.one(Deletion, deletion).status is DeletionStatus.ERASED
    assert deletion not in {each.deletion_id for each in case.agents.store.keyring.open_erasures()}


def erase_asset(case: Case) -> None:
    _erase(case, "deleteAsset", assetId="")


def erase_project(case: Case) -> None:
    _erase(case, "deleteProject", projectId="")


def erase_account(case: Case) -> None:
    _erase(case, "deleteAccount", confirm=True)


def generate(case: Case) -> None:
    person, project, _ = _with_asset(case)
    prompt = raw_id(case.world.prompt(person, project, variations=2))
    write = runtime._workflows[WORKFLOW].function
    case.attempt(lambda: write(case.agents, prompt))
    write(case.agents, prompt)
    case.whole()
    found = case.one(Prompt, prompt)
    assert (found.status, found.stored) == (PromptStatus.COMPLETED, 2)
    with transaction(case.agents.store.engine, read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(Output).where(Output.prompt_id == prompt)) == 2


def publish_log(case: Case) -> None:
    """A checkpoint outside the database, over a tree inside it."""
    case.person()
    house = case.world.house
    place = checkpoint_place(case.world.settings)
    case.attempt(Sequencer(house.store, place, house.policy_version).advance)
    after = Sequencer(house.store, place, house.policy_version)
    with time_machine.travel(now() + timedelta(minutes=5), tick=True):  # the lease of the first has run out
        after.inspect()
        while after.advance():
            pass
        after._release()
    with transaction(house.store.engine, read_only=True) as session:
        published = tree.newest(session)
        assert published is not None
        assert (
            published.checkpoint.size
            == tree.Tree(session).size()
            == session.scalar(select(func.count()).select_from(AuditEvent))
        )
    assert Outside(place).newest() == published.note
    case.whole()


def rotate(case: Case) -> None:
    """New keys in the key store, values sealed with them in the database, then the old keys destroyed."""
    person, _, asset = _with_asset(case)
    told = lambda _step, _done, _total: None  # noqa: E731
    case.attempt(lambda: rotations.rotate_keysets(case.agents.store, told))
    rotations.rotate_keysets(case.agents.store, told)
    case.whole()
    case.agents.store.keyring._cache.clear()
    assert scrubbing.scrub(case.agents.store).findings == []
    assert case.world.client.get(case.world.content_url(person, asset)).content == TEXT


USE_CASES: tuple[Callable[[Case], None], ...] = (
    register,
    create_project,
    upload,
    upload_in_parts,
    make_thumbnail,
    bind_file,
    build,
    expire_exports,
    withdraw_export,
    take_in_archive,
    erase_asset,
    erase_project,
    erase_account,
    generate,
    publish_log,
    rotate,
)


@pytest.fixture
def agents(world: World, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agents]:
    """Agents that wait for nothing before they try again."""
    monkeypatch.setattr(runtime, "PAUSES", (0, 0, 0))
    monkeypatch.setattr(rotations, "_wait", lambda *_given: None)
    monkeypatch.setattr(resealing, "_LONGEST_PAUSE", 0)
    gateway = Gateway([Endpoint(MODEL, stand_in.url)], gate=Open())
    yield Agents(world.house.store, world.house.force, gateway)
    gateway.close()


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.value)
@pytest.mark.parametrize("use_case", USE_CASES, ids=lambda each: each.__name__)
def test_whichever_commit_fails_all_is_there_or_nothing_is(
    world: World, agents: Agents, use_case: Callable[[Case], None], fault: Fault
) -> None:
    """Each COMMIT of the use case in its turn, until there is none left to fail."""
    with watched(world.house.store.engine) as commits:
        for number in itertools.count(1, STRIDES.get(use_case.__name__, 1)):
            case = Case(world, agents, commits, number, fault)
            use_case(case)
            assert case.tried
            if not commits.fired:
                break
            assert number < MOST_COMMITS
    assert number > 1, "no COMMIT failed at all"


@pytest.fixture
def proxied_world(
    home: Path, began: None, database_url: str, cheap_passwords: None, tmp_path: Path
) -> Iterator[tuple[World, Proxy]]:
    """The application, whose connections to PostgreSQL pass through a proxy."""
    with proxied(database_url, tmp_path / "proxy") as (url, proxy), opened(home, url) as world:
        yield world, proxy


@pytest.mark.one_database("postgresql", reason="the connection of SQLite is a call in this process")
@pytest.mark.parametrize("cut", Cut, ids=lambda cut: cut.name.lower())
@pytest.mark.parametrize(
    "use_case", (create_project, upload, upload_in_parts, make_thumbnail, build), ids=lambda each: each.__name__
)
def test_a_connection_that_breaks_at_commit_loses_nothing(
    proxied_world: tuple[World, Proxy], monkeypatch: pytest.MonkeyPatch, use_case: Callable[[Case], None], cut: Cut
) -> None:
    """A real connection, at each COMMIT in its turn: the answer is lost, or the COMMIT arrives a second later."""
    world, proxy = proxied_world
    monkeypatch.setattr(runtime, "PAUSES", (0.2, 2, 2))
    agents = Agents(world.house.store, world.house.force, Gateway([]))
    for number in itertools.count(1):
        use_case(Case(world, agents, proxy, number, cut))
        if not proxy.fired:
            break
        assert number < MOST_COMMITS
    assert number > 1, "no COMMIT was cut"
