"""Tokens of a provider: their kinds, second factors, ends, and a provider that is slow or away."""

import concurrent.futures
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
import time_machine
from starlette.websockets import WebSocketDisconnect

from agents import provider_keys
from agents.issuers import Issuer
from muniment import leaks, logs
from resolvers.errors import Unavailable
from storage.clock import now
from storage.staff import StaffRole
from tests.muniment.test_subscriptions import connected
from tests.resolvers.test_federation import WHO, issuer, linked, until, world
from tests.services.issuer import AUDIENCE, LocalIssuer
from tests.world import Person, World, code_of, opened

__all__ = ["issuer", "world"]

pytestmark = pytest.mark.one_database(
    "sqlite", reason="what is asked of the database is asked in tests of sessions too"
)


def test_kinds_of_tokens_are_told_apart(world: World, issuer: LocalIssuer) -> None:
    """What is signed for this audience and is no ID token of ours is refused, as bearer and to link, and logged why."""
    linked(world, issuer)
    logout = {"http://schemas.openid.net/event/backchannel-logout": {}}
    others: dict[str, tuple[str, str, str | None]] = {
        "logout token": (issuer.token(header={"typ": "logout+jwt"}, events=logout), "KIND", "events"),
        "logout token by its type": (issuer.token(header={"typ": "logout+jwt"}), "KIND", "typ"),
        "events alone": (issuer.token(events=logout), "KIND", "events"),
        "proof of possession": (issuer.token(header={"typ": "dpop+jwt"}), "KIND", "typ"),
        "an empty type": (issuer.token(header={"typ": ""}), "KIND", "typ"),
        "bound to a key": (issuer.token(cnf={"jkt": "x"}), "BOUND_TO_A_KEY", "cnf"),
        "access token": (issuer.token(header={"typ": "at+jwt"}), "ACCESS_TOKENS_NOT_TAKEN", "typ"),
        "access token, long type": (
            issuer.token(header={"typ": "application/at+JWT"}), "ACCESS_TOKENS_NOT_TAKEN", "typ",
        ),
        "access token by its scope": (issuer.token(scope="openid api"), "ACCESS_TOKENS_NOT_TAKEN", "typ"),
        "access token by Keycloak's claim": (issuer.token(typ="Bearer"), "ACCESS_TOKENS_NOT_TAKEN", "typ"),
        "refresh token by Keycloak's claim": (issuer.token(typ="Refresh"), "KIND", "typ"),
        "another use": (issuer.token(token_use="refresh"), "KIND", "token_use"),
        "another client's": (issuer.token(aud=["other", AUDIENCE], azp="other"), "OTHER_CLIENT", "azp"),
        "another client's, named otherwise": (issuer.token(client_id="other"), "OTHER_CLIENT", "client_id"),
        "for several, to nobody": (issuer.token(aud=["other", AUDIENCE]), "OTHER_CLIENT", "azp"),
        "a client that is no text": (issuer.token(azp=[AUDIENCE]), "OTHER_CLIENT", "azp"),
        "a wrong time of signing in": (issuer.token(auth_time="today"), "CLAIM_WRONG", "auth_time"),
    }  # fmt: skip
    ben = world.register("ben")
    world.step_up(ben)
    for name, (token, reason, claim) in others.items():
        with structlog.testing.capture_logs() as lines, world.unchanged():
            assert world.ask(WHO, token).status == 401, name
        [line] = [each for each in lines if each["event"] == "token.refused"]
        assert (line["reason"], line["claim"]) == (reason, claim), name
        assert world.do("linkIdentity", ben, token=token).code == "UNAUTHENTICATED", name
    for good in (
        issuer.token(header={"typ": "JWT"}),
        issuer.token(header={"typ": "application/jwt"}),
        issuer.token(azp=AUDIENCE),
        issuer.token(aud=["other", AUDIENCE], azp=AUDIENCE),
        issuer.token(typ="ID", token_use="id"),
    ):
        assert world.ask(WHO, good).status == 200


def test_an_access_token_does_what_its_scopes_say(
    home: Path, database_url: str, began: None, cheap_passwords: None, issuer: LocalIssuer
) -> None:
    """As an API key does, where the operator takes them; exporting, linking and staff's work are not among it."""
    with opened(
        home, database_url, oidc_issuer=issuer.url, oidc_audience=AUDIENCE, oidc_access_audience="api",
        oidc_clients="web,cli",
    ) as world:  # fmt: skip
        ada = linked(world, issuer)
        project = world.project(ada)

        def access(scope: object = "read", **claims: Any) -> Person:
            said = {"aud": "api", "client_id": "web", "scope": scope, **claims}
            return Person("ada", issuer.token(header={"typ": "at+jwt"}, **said), ada.id, ada.email)

        create = "mutation($n: String!) { createProject(input: {name: $n}) { project { id } } }"
        reads, writes = access("openid muniment:read"), access(["read", "write", "export", "admin"])
        assert world.ask(WHO, reads).data["viewer"]["kind"] == "API_KEY"
        assert world.ask("{ viewer { scopes } }", writes).data["viewer"]["scopes"] == ["read", "write"]
        assert world.ask("query($i: ID!) { project(id: $i) { name } }", reads, i=project).data["project"]["name"]
        assert world.ask(create, reads, n="x").code == "FORBIDDEN"
        asset = world.asset(writes, world.project(writes))
        assert world.client.get(world.content_url(writes, asset)).status_code == 200
        assert world.do("requestExport", writes).code in ("FORBIDDEN", "STEP_UP_REQUIRED")
        assert world.ask(create, access("openid"), n="x").code == "FORBIDDEN"
        for refused in (
            access(client_id="other"), access(client_id=None), access(aud=AUDIENCE), access(cnf={"jkt": "x"}),
            access(aud=["other"]),
        ):  # fmt: skip
            assert world.ask(WHO, refused).status == 401
        ben = world.register("ben")
        world.step_up(ben)
        assert world.do("linkIdentity", ben, token=access("read", sub="ben").token).code == "UNAUTHENTICATED"
        mara = world.employ(StaffRole.SUPPORT)
        world.prove(mara)
        world.do("linkIdentity", mara, token=issuer.token("mara", amr=["otp"])).data  # noqa: B018 - as above
        assert world.ask(WHO, access("read", sub="mara", amr=["otp"])).status == 401
        assert world.ask(WHO, issuer.token("mara", amr=["otp"])).status == 200


def test_a_second_factor_here_is_asked_of_the_provider_too(world: World, issuer: LocalIssuer) -> None:
    """Contributors who have one are let in by no token without: not to ask, link, upload or follow."""
    ada = linked(world, issuer)
    project = world.project(ada)
    world.step_up(ada)
    uri = str(world.do_plain("enrollTotp", ada, wants="uri").data["it"]["uri"])
    world.do("confirmTotp", ada, totp=code_of(uri)).data  # noqa: B018 - as above
    with time_machine.travel(now() + timedelta(seconds=2), tick=True):
        plain, strong = issuer.token(), issuer.token(amr=["pwd", "mfa"])
        by_plain = Person("ada", plain, ada.id)
        with world.unchanged():
            assert world.ask(WHO, plain).code == "MFA_REQUIRED"
            assert world.do("createAsset", by_plain, projectId=project).code == "MFA_REQUIRED"
            with pytest.raises(WebSocketDisconnect):
                connected(world, by_plain).__enter__()
        asset = world.asset(Person("ada", strong), project)
        assert world.client.get(world.content_url(Person("ada", strong), asset)).status_code == 200
        world.do("stepUp", ada, totp=code_of(uri, 1)).data  # noqa: B018 - as above
        world.do_plain("unlinkIdentity", ada).data  # noqa: B018 - as above
        with world.unchanged():
            refused = world.do("linkIdentity", ada, token=plain)
        assert (refused.code, refused.field) == ("MFA_REQUIRED", "token")
        assert world.do("linkIdentity", ada, token=strong).code is None


def test_an_identity_is_linked_by_a_fresh_token_alone(world: World, issuer: LocalIssuer) -> None:
    """Not by one that was found: ten minutes after it was issued, or after its person signed in."""
    ada = world.register("ada")
    world.step_up(ada)
    moment = int(time.time())
    for stale in ({"iat": moment - 700}, {"auth_time": moment - 700}, {"iat": moment - 700, "auth_time": moment - 700}):
        with world.unchanged("access.denied"):
            refused = world.do("linkIdentity", ada, token=issuer.token(**stale))
        assert (refused.code, refused.field) == ("UNAUTHENTICATED", "token")
    assert world.do("linkIdentity", ada, token=issuer.token(auth_time=moment - 60)).code is None


def test_signing_out_everywhere_ends_tokens_too(world: World, issuer: LocalIssuer) -> None:
    """Those that were issued up to that second, by a clock that is ahead too, their tickets, and no later ones."""
    ada = linked(world, issuer)
    moment = int(time.time())
    before, ahead = issuer.token(iat=moment - 60, exp=moment + 600), issuer.token(iat=moment + 20, exp=moment + 600)
    by_token = Person("ada", before, ada.id)
    url = world.content_url(by_token, world.asset(by_token, world.project(by_token)))
    assert world.client.get(url).status_code == 200
    assert world.ask(WHO, ahead).status == 200
    world.do_plain("revokeSessions", ada).data  # noqa: B018 - as above
    ended = int(time.time())
    for token in (before, ahead, issuer.token(iat=ended, exp=ended + 600), issuer.token(iat=moment + 20)):
        with world.unchanged():
            assert world.ask(WHO, token).code == "UNAUTHENTICATED"
    assert world.client.get(url).status_code == 404
    with time_machine.travel(now() + timedelta(seconds=22), tick=True):
        assert world.ask(WHO, issuer.token(iat=moment + 23, exp=moment + 600)).status == 200


def test_a_slow_provider_stops_nobody(world: World, issuer: LocalIssuer) -> None:
    """Whoever has a known key is answered at once, and those with unknown ones wait a second or two."""
    ada = linked(world, issuer)
    monkeypatch, over = pytest.MonkeyPatch(), threading.Event()
    served = issuer.answer

    def slowly(path: str) -> dict[str, Any] | None:
        over.wait(30)
        return served(path)

    with monkeypatch.context() as patch:
        patch.setattr(provider_keys, "BETWEEN", 0.0)
        issuer.answer = slowly  # type: ignore[method-assign]
        unknown = issuer.token(header={"kid": "unknown"})
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            begun = time.monotonic()
            flood = [pool.submit(_timed, world, unknown) for _ in range(20)]
            good = [pool.submit(_timed, world, who) for who in [issuer.token()] * 6 + [ada.token] * 3 + [None]]
            told = [each.result() for each in flood]
            assert {status for status, _, _ in told} == {503}
            assert all(int(after or 0) > 0 for _, after, _ in told)
            assert {each.result()[0] for each in good} == {200}
        assert (
            time.monotonic() - begun < 10
        )  # thirty calls of a busy machine, and none of them waits for thirty seconds
        assert max(seconds for _, _, seconds in told) < 5  # two wait a second, and the others for these two
        again = _timed(world, unknown)
        assert (again[0], again[2] < 0.9) == (503, True), "the same fetch is not waited for again"
    over.set()


def test_a_provider_that_is_away_is_asked_again_soon(issuer: LocalIssuer) -> None:
    """While there are no keys: after two seconds, then five, then ten; the answer says when."""
    issuer.status = 503
    checker = Issuer(issuer.url, AUDIENCE, inside_too=True)
    for pause in (2, 5, 10, 10):
        with pytest.raises(Unavailable) as refused:
            checker.verified(issuer.token())
        assert refused.value.retry_after == pause
        with pytest.MonkeyPatch.context() as patch:
            later = time.monotonic() + pause
            patch.setattr("agents.provider_keys.time.monotonic", lambda later=later: later)
            checker.refresh()
        until(lambda: checker._keys._began is None)
        checker._keys._ended = time.monotonic()
    issuer.status = 200
    checker._keys._ended = time.monotonic() - 10
    assert checker.verified(issuer.token()).subject == "ada-at-work"


def test_a_provider_that_is_away_refuses_nobody_whose_key_is_new(
    issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key may be good: 503, not 401, so that nobody is sent to sign in again and again. Known keys go on."""
    checker = Issuer(issuer.url, AUDIENCE, inside_too=True)
    assert checker.verified(issuer.token()).subject == "ada-at-work"
    monkeypatch.setattr(provider_keys, "BETWEEN", 0.0)
    issuer.status = 503
    for _ in range(3):
        with pytest.raises(Unavailable):
            checker.verified(issuer.token(header={"kid": "new"}))
        assert checker.verified(issuer.token()).subject == "ada-at-work"


def test_the_log_says_why_and_shows_nothing_that_a_caller_chose(world: World, issuer: LocalIssuer) -> None:
    """Reason, claim, algorithm and key pass the log's filter; a key id that looks like a token of ours does not."""
    for header, shown in (
        ({"kid": "unknown-1"}, "unknown-1"),
        ({"kid": "mun_s_aaaaaaaaaaaaaaaaaaaaaaaa"}, "unprintable"),
        ({"kid": "eyJhbGciOiJub25lIn0.eyJhbGciOiJub25lIn0."}, "unprintable"),
        ({"kid": "x" * 500}, "unprintable"),
        ({"kid": "a\nb"}, "unprintable"),
    ):
        with structlog.testing.capture_logs() as lines:
            assert world.ask(WHO, issuer.token(header=header)).status == 401
        [line] = [each for each in lines if each["event"] == "token.refused"]
        assert (line["reason"], line["claim"], line["algorithm"], line["key_id"]) == (
            "KEY_UNKNOWN", "kid", "RS256", shown,
        )  # fmt: skip
        kept = logs._allow(None, "info", dict(line))
        assert {name: kept[name] for name in ("reason", "claim", "algorithm", "key_id")} == {
            "reason": "KEY_UNKNOWN", "claim": "kid", "algorithm": "RS256", "key_id": shown,
        }  # fmt: skip
    assert leaks.taken() == {}


def _timed(world: World, token: str | None) -> tuple[int, str | None, float]:
    begun = time.monotonic()
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    headers["accept"] = "application/graphql-response+json"
    answer = world.client.post("/graphql", json={"query": WHO}, headers=headers)
    return answer.status_code, answer.headers.get("retry-after"), time.monotonic() - begun
