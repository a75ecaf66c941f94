"""Identity: accounts, sessions, proofs of who is there, and keys for programs."""

import concurrent.futures
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from argon2 import extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from storage import passwords
from storage.clock import now
from storage.passwords import hash_password, verify_password
from storage.staff import StaffRole
from tests.world import PASSWORD, World, opened

WHO = "{ viewer { kind contributor { email } } }"


def _later(**by: float) -> time_machine.travel:
    return time_machine.travel(now() + timedelta(**by), tick=True)


def test_registering_opens_an_account_with_keys_of_its_own(world: World) -> None:
    """The account is there, signed in, with every optional use of its data switched off."""
    ada = world.register("ada")
    query = "{ viewer { contributor { displayName status privacyPreferences { training analytics supportAccess } } } }"
    assert world.ask(query, ada).data["viewer"]["contributor"] == {
        "displayName": "ada",
        "status": "ACTIVE",
        "privacyPreferences": {"training": False, "analytics": False, "supportAccess": False},
    }
    assert sum(name.startswith("contributor:") for name in world.keysets()) == 1


NO_ACCOUNTS = [
    ("email", "no address"),
    ("email", "a@b"),
    ("email", "a\x00@example.org"),
    ("email", "x" * 250 + "@example.org"),
    ("password", "short"),
    ("password", " " * 20),
    ("password", "x" * 2000),
    ("displayName", " "),
    ("displayName", "n\x00"),
    ("displayName", "x" * 101),
]


def test_an_account_that_can_not_be_is_refused_with_the_field(world: World, subtests: pytest.Subtests) -> None:
    """Nothing is left of it: no row, no keyset, no entry."""
    for field, value in NO_ACCOUNTS:
        with subtests.test(field=field, value=value):
            given = {"email": "new@example.org", "password": PASSWORD, "displayName": "New", field: value}
            with world.unchanged():
                refused = world.do("registerContributor", None, **given)
            assert (refused.code, refused.field) == ("BAD_USER_INPUT", field)


def test_one_address_has_one_account_however_it_is_written(world: World) -> None:
    """Case and blanks around an e-mail make no second account, and signing in takes either."""
    ada = world.register("ada")
    written = f" {ada.email.upper()} "
    with world.unchanged(attempts=True):
        refused = world.do("registerContributor", None, email=written, password=PASSWORD, displayName="Other")
    assert (refused.code, refused.field) == ("CONFLICT", "email")
    assert world.sign_in(written).data["it"]["viewer"]["kind"] == "CONTRIBUTOR"


def test_unknown_and_wrong_are_told_in_the_same_words_and_recorded(world: World) -> None:
    """Nobody learns from a failed sign-in whether an account exists; the trail does."""
    ada = world.register("ada")
    before = world.footprint()
    unknown, wrong = world.sign_in("nobody@example.org"), world.sign_in(ada.email, "wrong password here")
    assert unknown.same == wrong.same
    assert unknown.code == "UNAUTHENTICATED"
    reasons = [event["details"]["reason"] for event in world.events("session.refused")]
    assert reasons == ["UNKNOWN_ACCOUNT", "WRONG_SECRET"]
    after = world.footprint()
    assert {name for name in after if after[name] != before[name]} == {"sign_in_throttles"}


def test_guessing_is_throttled_for_one_account_alone(world: World) -> None:
    """After ten failures even the right password waits there; sessions go on, others sign in; time heals."""
    ada, ben = world.register("ada"), world.register("ben")
    for _ in range(10):
        assert world.sign_in(ada.email, "wrong password here").code == "UNAUTHENTICATED"
    with world.unchanged("session.throttled"):
        assert world.sign_in(ada.email).code == "RATE_LIMITED"
    with world.unchanged():
        assert world.sign_in(ada.email).code == "RATE_LIMITED"
    assert world.do("stepUp", ada, password=PASSWORD).code is None
    assert world.sign_in(ben.email).code is None
    assert world.ask(WHO, ada).data["viewer"]["kind"] == "CONTRIBUTOR"
    with _later(minutes=16):
        assert world.sign_in(ada.email).code is None


def test_guesses_at_the_same_moment_all_count(world: World) -> None:
    """Of a burst of wrong passwords ten are judged, however many come at once: haste gains nothing."""
    ada = world.register("ada")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(lambda _: world.sign_in(ada.email, "wrong password here").code, range(30)))
    assert (codes.count("UNAUTHENTICATED"), codes.count("RATE_LIMITED")) == (10, 20)
    assert world.sign_in(ada.email).code == "RATE_LIMITED"
    assert len(world.events("session.refused")) == 10


def test_an_unknown_address_is_throttled_like_a_known_one(world: World) -> None:
    """Whether an account exists does not show in when the brake sets in."""
    codes = [world.sign_in("nobody@example.org", "wrong password here").code for _ in range(11)]
    assert codes == ["UNAUTHENTICATED"] * 10 + ["RATE_LIMITED"]


def test_a_session_ends_by_itself(world: World) -> None:
    """After its time the token is no longer good: 401 with a code, and no answer as nobody."""
    ada = world.register("ada")
    with _later(hours=11.9):
        assert world.ask(WHO, ada).data["viewer"]["kind"] == "CONTRIBUTOR"
    with _later(hours=12.1):
        refused = world.ask(WHO, ada)
    assert (refused.status, refused.code) == (401, "UNAUTHENTICATED")


def test_signing_out_ends_this_session_and_revoking_ends_the_others(world: World) -> None:
    """Both take effect with the answer."""
    ada = world.register("ada")
    others = [world.sign_in(ada.email).data["it"]["session"]["token"] for _ in range(2)]
    assert world.do_plain("revokeSessions", ada, wants="ended").data["it"] == {"ended": 2}
    assert [world.ask(WHO, token).status for token in others] == [401, 401]
    assert world.do_plain("signOut", ada).code is None
    assert (world.ask(WHO, ada).status, world.ask(WHO, ada).code) == (401, "UNAUTHENTICATED")
    assert [event["details"]["reason"] for event in world.events("session.ended")] == ["REVOKED", "SIGNED_OUT"]


def test_a_proof_of_identity_lasts_minutes(world: World) -> None:
    """stepUp opens exports and deletions to this session, for a while, and to no other session."""
    ada = world.register("ada")
    elsewhere = world.sign_in(ada.email).data["it"]["session"]["token"]
    with world.unchanged("access.denied"):
        assert world.do("requestExport", ada).code == "STEP_UP_REQUIRED"
    wrong = world.do("stepUp", ada, password="wrong password here")
    assert (wrong.code, wrong.field) == ("UNAUTHENTICATED", "password")
    assert world.do("requestExport", ada).code == "STEP_UP_REQUIRED"
    stepped = world.do("stepUp", ada, wants="session { token expiresAt steppedUpUntil }", password=PASSWORD).data["it"]
    assert stepped["session"]["token"] is None
    assert stepped["session"]["steppedUpUntil"] > now().isoformat()
    assert world.do("requestExport", ada).code is None
    assert world.do("requestExport", elsewhere).code == "STEP_UP_REQUIRED"
    with _later(minutes=10.1):
        assert world.do("requestExport", ada).code == "STEP_UP_REQUIRED"


def test_a_key_is_shown_once_and_kept_as_a_hash(world: World) -> None:
    """Neither a key's secret nor a session's token nor a password stands anywhere in the database or key store."""
    ada = world.register("ada")
    key_id, key = world.key(ada, "read")
    shown = world.ask("{ apiKeys { edges { node { id name prefix scopes } } } }", ada).data["apiKeys"]["edges"]
    prefix = key.token.split("_")[2]
    assert shown == [{"node": {"id": key_id, "name": "key", "prefix": prefix, "scopes": ["read"]}}]
    secrets = [key.token.split("_", 3)[3], ada.token.removeprefix("mun_s_"), PASSWORD, ada.email]
    kept = world.everything_kept()
    assert [secret for secret in secrets if secret.encode() in kept] == []
    assert prefix.encode() in kept


def test_a_key_ends_when_its_time_is_up_when_revoked_and_when_replaced(world: World) -> None:
    """Each end takes effect at once, and what was revoked does not come back."""
    ada = world.register("ada")
    first, one = world.key(ada, "read")
    rotated = world.do("rotateApiKey", ada, wants="apiKey { id name scopes } secret", apiKeyId=first).data["it"]
    assert rotated["apiKey"]["scopes"] == ["read"]
    assert rotated["apiKey"]["name"] == "key"
    assert world.ask(WHO, one).status == 401
    assert world.ask(WHO, rotated["secret"]).data["viewer"]["kind"] == "API_KEY"
    with _later(days=1.1):
        assert world.ask(WHO, rotated["secret"]).status == 401
    assert world.do("revokeApiKey", ada, apiKeyId=rotated["apiKey"]["id"]).code is None
    assert world.ask(WHO, rotated["secret"]).status == 401
    with world.unchanged():
        assert world.do("rotateApiKey", ada, apiKeyId=rotated["apiKey"]["id"]).code == "CONFLICT"
        assert world.do("rotateApiKey", ada, apiKeyId=first).code == "CONFLICT"


def test_a_key_that_may_export_is_made_by_someone_who_has_just_proved_who_they_are(world: World) -> None:
    """A key can't step up: its owner does, when they give it that scope."""
    ada = world.register("ada")
    given = {"name": "key", "scopes": ["export"], "expiresAt": (now() + timedelta(days=1)).isoformat()}
    with world.unchanged("access.denied"):
        assert world.do("createApiKey", ada, **given).code == "STEP_UP_REQUIRED"
    world.step_up(ada)
    assert world.do("createApiKey", ada, **given).code is None


NO_KEYS: list[tuple[str, object]] = [
    ("name", ""),
    ("scopes", []),
    ("scopes", ["read", "root"]),
    ("scopes", ["\x00"]),
    ("expiresAt", "2020-01-01T00:00:00Z"),
    ("expiresAt", "2999-01-01T00:00:00Z"),
    ("expiresAt", "9999-12-31T23:59:59-14:00"),
    ("expiresAt", "0001-01-01T00:00:00+14:00"),
    ("expiresAt", "2027-01-01T00:00:00"),
]


def test_a_key_that_can_not_be_is_refused_with_the_field(world: World, subtests: pytest.Subtests) -> None:
    """Unknown scopes, no scopes, and an end that has passed, is too far off, or lies in no time zone."""
    ada = world.register("ada")
    for field, value in NO_KEYS:
        with subtests.test(field=field, value=value):
            given = {
                "name": "key",
                "scopes": ["read"],
                "expiresAt": (now() + timedelta(days=1)).isoformat(),
                field: value,
            }
            with world.unchanged():
                refused = world.do("createApiKey", ada, **given)
            assert (refused.code, refused.field) == ("BAD_USER_INPUT", field)


NO_TOKENS = [
    "",
    "x",
    "mun_s_" + "A" * 43,
    "mun_k_",
    "mun_k_abc",
    "mun_k_abcdef_" + "A" * 43,
    "mun_s_é",
    "' OR 1=1 --",
    "x" * 5000,
]


def test_a_token_that_is_none_is_told_so(world: World, subtests: pytest.Subtests) -> None:
    """A caller who thinks they are signed in must hear that they are not: 401 with a code, changing nothing."""
    for token in NO_TOKENS:
        with subtests.test(token=token):
            with world.unchanged():
                response = world.client.post(
                    "/graphql", json={"query": WHO}, headers={"authorization": f"Bearer {token}".encode()}
                )
            assert response.status_code == 401
            assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
            assert response.headers["www-authenticate"] == "Bearer"


def test_another_way_of_signing_in_is_no_way_in(world: World, subtests: pytest.Subtests) -> None:
    """An Authorization header that holds no good bearer token is refused, not ignored."""
    for header in ["Basic YWRhOnB3", "Bearer", "Token abc", "mun_s_x"]:
        with subtests.test(header=header):
            response = world.client.post("/graphql", json={"query": WHO}, headers={"authorization": header})
            assert response.status_code == 401


def test_a_keys_secret_is_compared_whole(world: World) -> None:
    """The prefix is no secret: with another secret behind it the key is not good."""
    ada = world.register("ada")
    _, key = world.key(ada, "read")
    assert world.ask(WHO, key.token[:-1]).status == 401
    assert world.ask(WHO, key.token + "A").status == 401


def test_staff_sign_in_by_the_same_door(world: World) -> None:
    """Staff are told apart by their account, with the roles they hold now."""
    ben = world.employ(StaffRole.SUPPORT, StaffRole.AUDITOR)
    viewer = world.ask("{ viewer { kind roles contributor { id } } }", ben).data["viewer"]
    assert viewer == {"kind": "STAFF", "roles": ["AUDITOR", "SUPPORT"], "contributor": None}
    taken = world.do("registerContributor", None, email=ben.email, password=PASSWORD, displayName="Ben")
    assert taken.code == "CONFLICT"


@pytest.fixture
def costly(home: Path, database_url: str) -> Iterator[World]:
    """The application with passwords hashed as they are in earnest."""
    with opened(home, database_url) as found:
        yield found


def test_looking_for_nobody_costs_what_looking_for_somebody_does() -> None:
    """The hash that an unknown e-mail is compared with has the parameters of a new one, to the lengths."""
    made = hash_password("a password like any other")
    assert extract_parameters(passwords._nobodys_hash) == extract_parameters(made) == RFC_9106_LOW_MEMORY
    assert not verify_password(passwords._nobodys_hash, "a password like any other")


def test_passwords_are_hashed_with_argon2id_in_earnest(costly: World) -> None:
    """The parameters are those of RFC 9106's low-memory profile: 64 MiB, three passes."""
    ada = costly.register("ada")
    assert costly.sign_in(ada.email).code is None
    encoded = passwords.hash_password(PASSWORD)
    assert encoded.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert verify_password(encoded, PASSWORD)
