"""Whoever owns an account is told of each change of its credentials, in the transaction of the change."""

from typing import Any

import pytest

from resolvers.credential_notices import Change
from tests.resolvers.keyholders import Holder, contributor
from tests.services.issuer import AUDIENCE, LocalIssuer, issuing
from tests.world import PASSWORD, Person, World, code_of, opened

NOTICES = "{ notices(first: 20) { edges { node { kind title body } } } }"


def told(world: World, person: Person) -> list[dict[str, Any]]:
    return [each["node"] for each in world.ask(NOTICES, person).data["notices"]["edges"]]


def titles(*changes: Change) -> list[str]:
    return sorted(change.value[0] for change in changes)


def test_an_app_and_its_recovery_codes(world: World) -> None:
    """Added, a code used up, removed: a notice each, of security, which say when and what to do."""
    ada = world.register("ada")
    world.step_up(ada)
    uri = str(world.do_plain("enrollTotp", ada, wants="uri").data["it"]["uri"])
    assert told(world, ada) == [], "nothing has changed yet"
    codes = world.do("confirmTotp", ada, wants="recoveryCodes", totp=code_of(uri)).data["it"]["recoveryCodes"]
    assert world.sign_in(ada.email, recoveryCode=codes[0]).code is None
    world.do_plain("removeTotp", ada).data  # noqa: B018 - fails the test where it did not work
    found = told(world, ada)
    assert sorted(each["title"] for each in found) == titles(
        Change.APP_ENROLLED, Change.APP_REMOVED, Change.RECOVERY_CODE_USED
    )
    assert {each["kind"] for each in found} == {"SECURITY"}
    assert all("revokeSessions" in each["body"] and "UTC" in each["body"] for each in found)


def test_a_passkey(world: World) -> None:
    """Added and removed; using it is what it is for, and told to nobody."""
    ada: Holder = contributor(world)
    assert ada.sign_in().code is None
    [passkey] = ada.there()
    assert ada.step_up().code is None
    world.do("removePasskey", ada.person, passkeyId=passkey["id"]).data  # noqa: B018 - as above
    assert sorted(each["title"] for each in told(world, ada.person)) == titles(
        Change.PASSKEY_ENROLLED, Change.PASSKEY_REMOVED
    )


def test_an_api_key(world: World) -> None:
    """Created, given a new secret, revoked; revoked again is no change."""
    ada = world.register("ada")
    key, _ = world.key(ada, "read")
    new = world.do("rotateApiKey", ada, wants="apiKey { id }", apiKeyId=key).data["it"]["apiKey"]["id"]
    for _ in range(2):
        world.do("revokeApiKey", ada, apiKeyId=new).data  # noqa: B018 - as above
    assert sorted(each["title"] for each in told(world, ada)) == titles(
        Change.API_KEY_CREATED, Change.API_KEY_ROTATED, Change.API_KEY_REVOKED
    )


def test_an_identity(home: Any, database_url: str, began: None, cheap_passwords: None) -> None:
    """Linked, which is another way in for good, and unlinked."""
    with issuing() as issuer, opened(home, database_url, oidc_issuer=issuer.url, oidc_audience=AUDIENCE) as world:
        provider: LocalIssuer = issuer
        ada = world.register("ada")
        world.step_up(ada)
        world.do("linkIdentity", ada, token=provider.token()).data  # noqa: B018 - as above
        assert [each["title"] for each in told(world, ada)] == titles(Change.IDENTITY_LINKED)
        world.do_plain("unlinkIdentity", ada).data  # noqa: B018 - as above
        assert sorted(each["title"] for each in told(world, ada)) == titles(
            Change.IDENTITY_LINKED, Change.IDENTITY_UNLINKED
        )


def test_what_is_refused_is_told_to_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that is rolled back leaves no notice, and staff, who have no inbox, get none."""
    ada = world.register("ada")
    world.step_up(ada)
    uri = str(world.do_plain("enrollTotp", ada, wants="uri").data["it"]["uri"])
    wrong = next(code for code in ("000000", "111111") if code != code_of(uri))
    assert world.do("confirmTotp", ada, totp=wrong).code == "UNAUTHENTICATED"
    monkeypatch.setattr("storage.accounts.revoke_sessions", lambda *_, **__: 1 / 0)
    assert world.do("confirmTotp", ada, totp=code_of(uri)).code == "INTERNAL_SERVER_ERROR"
    monkeypatch.undo()
    assert told(world, ada) == []
    assert world.sign_in(ada.email, PASSWORD).code is None
