"""Who reads entries of the audit log over HTTP: those whom the policy lets read all of them, and the operator's SIEM."""

import hashlib
import json
import logging
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from muniment.cli import app
from muniment.variables import SettingsError, load
from resolvers import siem
from resolvers.siem import SiemReader
from storage.ledger import tiles, verify_audit
from storage.ledger.verify_audit import NotShown
from storage.staff import StaffRole
from tests.muniment.test_ledger import LOG, created, publish
from tests.world import World, raw_id

TOKEN = siem.PREFIX + "made-up-token-of-43-characters-for-the-tests"[:43]


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
def known(world: World) -> Iterator[World]:
    """A world whose server knows the SIEM's token."""
    before = world.client.app.state.siem  # type: ignore[attr-defined]
    world.client.app.state.siem = SiemReader([siem.digest(TOKEN)])  # type: ignore[attr-defined]
    yield world
    world.client.app.state.siem = before  # type: ignore[attr-defined]


def paths(size: int) -> list[str]:
    """Each way to ask for entries: whole and partial bundles, there or not, in other spellings, and the feed."""
    return [
        f"tile/entries/000.p/{size}", "tile/entries/000.p/1", "tile/entries/000", "tile/entries/000.p/255",
        "tile/entries/999", "tile/entries/x001/000", "tile/%65ntries/000.p/1", "tile/entries/%30%30%30.p/1",
        "events", "events?after=0", f"events?after={size}", "events?after=x", "events?after=0&after=1", "events?",
    ]  # fmt: skip


def test_a_stranger_reads_no_entry_and_learns_nothing(known: World, subtests: pytest.Subtests) -> None:
    """The same refusal, to the letter, for what is there and for what is not; whatever is asked, and how."""
    created(known, known.register("ada"))
    publish(known)
    size = known.ask(LOG).data["ledger"]["size"]
    asked = [(path, method, headers) for path in paths(size) for method in ("GET", "HEAD") for headers in (
        {}, {"range": "bytes=0-9"}, {"if-none-match": "*"}, {"authorization": ""}, {"authorization": "Basic eDp4"},
    )]  # fmt: skip
    seen = set()
    for path, method, headers in asked:
        with subtests.test(path=path, method=method):
            answer = known.client.request(method, f"/ledger/{path}", headers=headers)
            assert answer.status_code == 401
            assert answer.headers["cache-control"] == "no-store" and answer.headers["vary"] == "Authorization"
            assert answer.headers["www-authenticate"] == "Bearer" and "etag" not in answer.headers
            if method == "GET":
                (error,) = answer.json()["errors"]
                assert error["extensions"]["code"] == "UNAUTHENTICATED"
                seen.add(error["message"])
    assert len(seen) == 2  # without a token, and with one that is not good


def test_strangers_write_nothing_by_being_refused(known: World) -> None:
    """Or they could fill the log."""
    created(known, known.register("ada"))
    publish(known)
    before = len(known.events())
    for _ in range(20):
        known.client.get("/ledger/events")
    assert len(known.events()) == before


@pytest.mark.parametrize(
    "token", ["", "mun_s_x", "mun_l_" + "x" * 43, TOKEN + "x", TOKEN[:-1], TOKEN.upper(), "x" * 9000]
)
def test_a_token_that_is_none_reads_nothing(known: World, token: str) -> None:
    """Neither of ours nor of the SIEM's."""
    created(known, known.register("ada"))
    publish(known)
    for path in ("events", "tile/entries/000.p/1"):
        answer = known.client.get(f"/ledger/{path}", headers=bearer(token))
        assert answer.status_code == 401 and b"project" not in answer.content


def test_the_policy_says_who_reads_them(known: World, subtests: pytest.Subtests) -> None:
    """Security and auditors do; each other job, contributors and their keys do not, and that they tried is recorded."""
    ada = known.register("ada")
    event = created(known, ada)
    people = {role: known.employ(role) for role in StaffRole}
    known.step_up(ada)
    key = known.key(ada, "read")[1].token
    publish(known)
    size = known.ask(LOG).data["ledger"]["size"]
    allowed = {StaffRole.AUDITOR, StaffRole.SECURITY}
    for path in (f"tile/entries/000.p/{size}", "events"):
        for role, person in people.items():
            with subtests.test(path=path, role=role):
                answer = known.client.get(f"/ledger/{path}", headers=bearer(person.token))
                assert answer.status_code == (200 if role in allowed else 403)
                assert (str(raw_id(event)).encode() in answer.content) == (role in allowed)
                assert answer.headers["cache-control"] == "no-store"
        for token in (ada.token, key):
            with subtests.test(path=path):
                before = len(known.events("access.denied"))
                answer = known.client.get(f"/ledger/{path}", headers=bearer(token))
                assert answer.status_code == 403
                assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
                assert len(known.events("access.denied")) == before + 1


def test_each_reading_by_staff_is_an_entry(known: World) -> None:
    """With how many entries it was, before the answer leaves."""
    created(known, known.register("ada"))
    auditor = known.employ(StaffRole.AUDITOR)
    publish(known)
    size = known.ask(LOG).data["ledger"]["size"]
    for path in ("events", f"tile/entries/000.p/{size}"):
        before = len(known.events("trail.read"))
        assert known.client.get(f"/ledger/{path}", headers=bearer(auditor.token)).status_code == 200
        found = known.events("trail.read")
        assert len(found) == before + 1 and found[-1]["details"] == {"eventCount": size}


def test_the_siem_reads_everything_and_nothing_else(known: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Feed and bundles; its reading is an entry once an hour, with how many they were. To GraphQL it is nobody."""
    event = created(known, known.register("ada"))
    publish(known)
    size = known.ask(LOG).data["ledger"]["size"]
    lines = known.client.get("/ledger/events", headers=bearer(TOKEN)).text.splitlines()
    assert len(lines) == size and str(raw_id(event)) in lines[-1]
    bundle = known.client.get(f"/ledger/tile/entries/000.p/{size}", headers=bearer(TOKEN))
    assert len(tiles.unbundle(bundle.content)) == size
    found = known.events("trail.read")
    assert [(each["details"], each["component"]) for each in found] == [({"eventCount": size}, "siem")]
    monkeypatch.setattr(siem, "RECORD_EVERY_SECONDS", 0.0)
    known.client.get("/ledger/events?after=1", headers=bearer(TOKEN))
    assert [each["details"]["eventCount"] for each in known.events("trail.read")] == [size, size + size - 1]
    refused = known.client.post("/graphql", json={"query": "{ viewer { id } }"}, headers=bearer(TOKEN))
    assert refused.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_what_the_siem_read_last_is_recorded_at_the_end(known: World) -> None:
    """A server that stops loses no count."""
    created(known, known.register("ada"))
    publish(known)
    reader = known.client.app.state.siem  # type: ignore[attr-defined]
    size = len(known.client.get("/ledger/events", headers=bearer(TOKEN)).text.splitlines())
    known.client.get("/ledger/events", headers=bearer(TOKEN))
    reader.close(known.house)
    reader.close(known.house)
    assert [each["details"]["eventCount"] for each in known.events("trail.read")] == [size, size]


def test_a_witness_needs_no_token(known: World) -> None:
    """Checkpoint and tiles of hashes are enough to check that the log only grew; with a token the entries are too."""
    created(known, known.register("ada"))
    publish(known)
    old = known.client.get("/ledger/checkpoint").content
    created(known, known.register("eve"))
    publish(known)
    vkey = known.client.get("/ledger/vkey").text

    def reads(headers: dict[str, str]) -> verify_audit.Read:
        def read(path: str) -> bytes | None:
            answer = known.client.get(f"/ledger/{path}", headers=headers)
            if answer.status_code == 401:
                raise NotShown("x")
            return answer.content if answer.status_code == 200 else None

        return read

    report = verify_audit.verify(reads({}), vkey, old)
    assert (report.lines[0], report.problems, report.entries) == ("The hashes hold.", [], False)
    report = verify_audit.verify(reads(bearer(TOKEN)), vkey, old)
    assert (report.lines[0], report.problems, report.entries) == ("Everything holds.", [], True)

    def forged(path: str) -> bytes | None:
        content = reads({})(path)
        return content[:-1] + b"x" if content and path.startswith("tile/0/") else content

    assert verify_audit.verify(forged, vkey, old).problems == ["the tiles are not what was signed."]


def test_refused_callers_are_limited(known: World) -> None:
    """Whoever asks on and on is told to wait, as everywhere."""
    known.house.budgets.charge("testclient", 10**9, 500_000)
    object.__setattr__(known.house.limits, "cost_per_minute", 1_000)
    answers = {known.client.get("/ledger/events").status_code for _ in range(150)}
    assert answers == {401, 429}


def test_while_locked_down_staff_wait_and_the_siem_goes_on(known: World) -> None:
    """The log is what an incident is followed by."""
    created(known, known.register("ada"))
    auditor = known.employ(StaffRole.AUDITOR)
    security = known.employ(StaffRole.SECURITY)
    publish(known)
    known.prove(security)
    known.do("lockDown", security, reason="Somebody has a key of ours.", hours=2).data  # noqa: B018
    refused = known.client.get("/ledger/events", headers=bearer(auditor.token))
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (503, "LOCKED_DOWN")
    assert known.client.get("/ledger/events").status_code == 401
    assert known.client.get("/ledger/events", headers=bearer(TOKEN)).status_code == 200


def test_the_command_makes_a_token_and_its_setting() -> None:
    """They belong together; the setting takes two while one replaces the other, and nothing else."""
    done = CliRunner().invoke(app, ["audit", "siem-token"])
    token = done.output.split("SIEM:")[1].split()[0]
    setting = done.output.split("SHA256=")[1].strip()
    assert setting == hashlib.sha256(token.encode()).hexdigest()
    assert SiemReader([setting]).accepts(token)
    assert not SiemReader([]).accepts(token)


def test_the_setting_takes_digests_alone(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token in its place would lie in the settings in clear."""
    one, two = "a" * 64, "b" * 64
    monkeypatch.setenv("MUNIMENT_SIEM_TOKEN_SHA256", f"{one} {two}")
    assert load(home=tmp_path).siem_token_sha256 == (one, two)
    for wrong in (TOKEN, "a" * 63, f"{one} {two} {one}", one.upper(), f"{one},{two}"):
        monkeypatch.setenv("MUNIMENT_SIEM_TOKEN_SHA256", wrong)
        with pytest.raises(SettingsError):
            load(home=tmp_path)


def test_no_token_is_logged(known: World, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the good one nor a wrong one."""
    caplog.set_level(logging.DEBUG)
    known.client.get("/ledger/events", headers=bearer(TOKEN))
    known.client.get("/ledger/events", headers=bearer(TOKEN[:-1] + "x"))
    assert TOKEN[8:30] not in json.dumps([str(each.__dict__) for each in caplog.records])
