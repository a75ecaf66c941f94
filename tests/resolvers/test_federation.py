"""Tokens of a configured issuer: whom they let in, and everything that is no such token, refused with nothing done."""

import base64
import hashlib
import hmac
import json
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import time_machine
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from agents import provider_keys
from agents.issuers import Issuer
from resolvers import staff
from resolvers.errors import Unauthenticated, Unavailable
from storage.clock import now
from storage.staff import StaffRole
from tests.services.issuer import AUDIENCE, LocalIssuer, issuing, new_key
from tests.world import Person, World, code_of, opened

WHO = "{ viewer { kind principalId roles } }"
pytestmark = pytest.mark.one_database(
    "sqlite", reason="what is asked of the database is asked in tests of sessions too"
)


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    with issuing() as running:
        yield running


@pytest.fixture
def world(home: Path, database_url: str, began: None, cheap_passwords: None, issuer: LocalIssuer) -> Iterator[World]:
    """The application, which takes this issuer's tokens."""
    with opened(home, database_url, oidc_issuer=issuer.url, oidc_audience=AUDIENCE) as found:
        yield found


def linked(world: World, issuer: LocalIssuer, subject: str = "ada-at-work") -> Person:
    """A contributor, stepped up, whose account is tied to an identity."""
    ada = world.register("ada")
    world.step_up(ada)
    world.do("linkIdentity", ada, token=issuer.token(subject)).data  # noqa: B018 - fails the test where it did not work
    return ada


def until(true: Callable[[], bool]) -> None:
    """Wait until something has come about in another thread."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def forged(header: dict[str, Any], claims: dict[str, Any], sign: Any = lambda said: b"") -> str:
    """A token put together by hand."""
    parts = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in (header, claims)]
    said = b".".join(parts)
    return (said + b"." + base64.urlsafe_b64encode(sign(said)).rstrip(b"=")).decode()


def attacks(issuer: LocalIssuer) -> dict[str, str]:
    """Tokens that are none, by what is wrong with them."""
    moment, key = int(time.time()), issuer.keys[0]
    claims = {"iss": issuer.url, "aud": AUDIENCE, "sub": "ada-at-work", "iat": moment, "exp": moment + 300}
    own, weak = new_key("first", of="somebody else"), ECKey.generate_key("P-256", {"kid": "first"})
    public = key.as_pem(private=False)
    good = issuer.token()
    secrets = {"pem": public, "der": base64.b64decode(b"".join(public.splitlines()[1:-1])), "n": str(key).encode()}
    hs256 = {
        f"HS256 with the public key ({name})": forged(
            {"alg": "HS256", "kid": "first"},
            claims,
            lambda said, secret=secret: hmac.new(secret, said, hashlib.sha256).digest(),
        )
        for name, secret in secrets.items()
    }
    return {
        **hs256,
        "alg none": forged({"alg": "none"}, claims),
        "alg None": forged({"alg": "None", "kid": "first"}, claims),
        "no alg": forged({"kid": "first"}, claims),
        "no signature": good.rpartition(".")[0] + ".",
        "another's key under a known name": jwt.encode({"alg": "RS256", "kid": "first"}, claims, own),
        "a key of another kind under a known name": jwt.encode({"alg": "ES256", "kid": "first"}, claims, weak),
        "a key of its own in the header": jwt.encode(
            {"alg": "RS256", "kid": "first", "jwk": own.as_dict(private=False)}, claims, own
        ),
        "its own jku": issuer.token(header={"jku": f"{issuer.url}/jwks"}),
        "a crit that nobody knows": forged({"alg": "RS256", "kid": "first", "crit": ["exp"]}, claims),
        "an unknown kid": issuer.token(header={"kid": "other"}),
        "a kid that is a path": issuer.token(header={"kid": "../../etc/passwd"}),
        "a kid that is no text": forged({"alg": "RS256", "kid": 7}, claims),
        "expired": issuer.token(iat=moment - 900, exp=moment - 600),
        "without end": issuer.token(exp=None),
        "for longer than a day": issuer.token(exp=moment + 90_000),
        "not yet": issuer.token(nbf=moment + 600),
        "issued in the future": issuer.token(iat=moment + 600, exp=moment + 900),
        "without iat": issuer.token(iat=None),
        "iat of a wrong kind": issuer.token(iat="yesterday"),
        "for somebody else": issuer.token(aud="another-app"),
        "for several others": issuer.token(aud=["another-app", "a-third"]),
        "for nobody": issuer.token(aud=None),
        "of another issuer": issuer.token(iss="http://127.0.0.1:1"),
        "of no issuer": issuer.token(iss=None),
        "about nobody": issuer.token(sub=None),
        "about an empty name": issuer.token(subject=""),
        "about a number": issuer.token(sub=7),
        "changed": good.replace(good.split(".")[1], base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()),
        "too long": issuer.token(padding="x" * 9000),
        "no header": f"..{good.rpartition('.')[2]}",
        "bytes that are none": "\x00.\x00.\x00",
        "encrypted": forged({"alg": "dir", "enc": "A128GCM"}, claims),
    }


def test_whatever_is_no_token_of_the_issuer_is_refused_and_nothing_happens(world: World, issuer: LocalIssuer) -> None:
    """Each in the same words, with 401, before and after it was tried as a bearer token and as one to be tied."""
    ada = linked(world, issuer)
    assert world.ask(WHO, issuer.token()).data["viewer"]["principalId"] == ada.id
    told = set()
    for name, token in attacks(issuer).items():
        with world.unchanged():
            response = world.client.post(
                "/graphql", json={"query": WHO}, headers={"authorization": f"Bearer {token}".encode("latin-1")}
            )
        error = response.json()["errors"][0]
        assert (response.status_code, error["extensions"]["code"]) == (401, "UNAUTHENTICATED"), name
        told.add(error["message"])
    assert len(told) == 1
    other = world.register("other")
    world.step_up(other)
    with world.unchanged("access.denied"):
        assert world.do("linkIdentity", other, token=attacks(issuer)["alg none"]).code == "UNAUTHENTICATED"


def test_a_flood_of_made_up_keys_asks_the_issuer_once(issuer: LocalIssuer) -> None:
    """And those that are known are good meanwhile, without a request for each."""
    checker = Issuer(issuer.url, AUDIENCE, inside_too=True)
    for number in range(50):
        with pytest.raises(Unauthenticated):
            checker.verified(issuer.token(header={"kid": f"made up {number}"}))
    assert checker.verified(issuer.token()).subject == "ada-at-work"
    assert issuer.asked == 1


def test_the_issuer_changes_its_keys(issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the new one signed is good once it is served; what the withdrawn one signed is not, when keys are asked anew."""
    checker, old = Issuer(issuer.url, AUDIENCE, inside_too=True), issuer.token()
    assert checker.verified(old).subject == "ada-at-work"
    issuer.keys.append(new_key("second"))
    with pytest.raises(Unauthenticated):
        checker.verified(issuer.token())
    monkeypatch.setattr(provider_keys, "BETWEEN", 0.0)
    assert checker.verified(issuer.token()).subject == "ada-at-work"
    assert checker.verified(old).subject == "ada-at-work"
    del issuer.keys[0]
    monkeypatch.setattr(provider_keys, "FRESH", 0.0)
    assert checker.verified(old).subject == "ada-at-work", "what is kept serves while it is fetched again"
    until(lambda: issuer.asked == 3)
    until(lambda: checker._keys._began is None)
    with pytest.raises(Unauthenticated):
        checker.verified(old)


def test_keys_are_asked_for_once_while_they_are_fresh(issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a token comes, and without the pause between two requests; when they are old, once more."""
    monkeypatch.setattr(provider_keys, "BETWEEN", 0.0)
    checker = Issuer(issuer.url, AUDIENCE, inside_too=True)
    for _ in range(3):
        checker.verified(issuer.token())
    assert issuer.asked == 1
    monkeypatch.setattr(provider_keys, "FRESH", 0.0)
    checker.verified(issuer.token())
    until(lambda: issuer.asked == 2)


def test_an_issuer_that_takes_its_time_is_not_waited_for(issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would answer, and well; by then it is UNAVAILABLE."""
    monkeypatch.setattr(provider_keys, "_SECONDS", 0.2)
    served, over = issuer.answer, threading.Event()

    def slowly(path: str) -> dict[str, Any] | None:
        over.wait(4)
        return served(path)

    issuer.answer = slowly  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        Issuer(issuer.url, AUDIENCE, inside_too=True).verified(issuer.token())
    over.set()


def test_an_issuer_that_is_away_is_done_without_for_a_while(
    issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was fetched serves for an hour; then, and before anything was fetched, it is UNAVAILABLE and not a refusal."""
    monkeypatch.setattr(provider_keys, "BETWEEN", 0.0)
    monkeypatch.setattr(provider_keys, "FRESH", 0.0)
    checker = Issuer(issuer.url, AUDIENCE, inside_too=True)
    assert checker.verified(issuer.token()).mfa is False
    issuer.status = 503
    assert checker.verified(issuer.token()).mfa is False
    monkeypatch.setattr(provider_keys, "STALE", 0.0)
    with pytest.raises(Unavailable):
        checker.verified(issuer.token())
    with pytest.raises(Unavailable):
        Issuer(issuer.url, AUDIENCE, inside_too=True).verified(issuer.token())


@pytest.mark.parametrize(
    "wrong",
    ["redirects", "no end", "another's document", "keys elsewhere inside", "weak", "secret", "too many"],
)
def test_keys_come_from_where_they_may_and_no_further(issuer: LocalIssuer, wrong: str) -> None:
    """Redirects, answers that are too long, another issuer's document, plain http into this network, keys that are none."""
    inside = True
    match wrong:
        case "redirects":
            issuer.status = 302
        case "no end":
            issuer.padding = "x" * 70_000
        case "another's document":
            issuer.discovery = {"issuer": "https://elsewhere.example.org"}
        case "keys elsewhere inside":
            inside = False
        case "weak":
            with warnings.catch_warnings(action="ignore"):
                issuer.keys = [RSAKey.generate_key(1024, {"kid": "first"}, private=True)]
        case "too many":
            issuer.keys = [new_key("other")] * 50 + issuer.keys
        case "secret":
            issuer.discovery = {"jwks_uri": f"{issuer.url}/nowhere"}
    with pytest.raises((Unavailable, Unauthenticated)):
        Issuer(issuer.url, AUDIENCE, inside_too=inside).verified(issuer.token())
    assert issuer.asked == (1 if wrong in ("no end", "weak", "too many") else 0)


def test_symmetric_and_private_keys_of_an_issuer_are_not_taken(issuer: LocalIssuer) -> None:
    """What it serves beside its own keys harms nobody: a shared secret is no key here."""
    secret = OctKey.generate_key(256, {"kid": "shared"})
    served = issuer.answer

    def with_secret(path: str) -> dict[str, Any] | None:
        found = served(path)
        return found if path != "/jwks" or found is None else {"keys": [*found["keys"], secret.as_dict(), 7, {}]}

    issuer.answer = with_secret  # type: ignore[method-assign]
    checker = Issuer(issuer.url, AUDIENCE, inside_too=True)
    assert checker.verified(issuer.token()).subject == "ada-at-work"
    claims = {"iss": issuer.url, "aud": AUDIENCE, "sub": "x", "iat": int(time.time()), "exp": int(time.time()) + 60}
    with pytest.raises(Unauthenticated):
        checker.verified(jwt.encode({"alg": "HS256", "kid": "shared"}, claims, secret, algorithms=["HS256"]))


def test_an_account_is_found_by_its_tie_and_never_by_an_address(world: World, issuer: LocalIssuer) -> None:
    """Whoever has somebody's e-mail at the issuer, verified there as it may be, is nobody here."""
    ada = linked(world, issuer)
    stranger = issuer.token("somebody-else", email=ada.email, email_verified=True, preferred_username="ada-at-work")
    with world.unchanged():
        refused = world.ask(WHO, stranger)
    assert (refused.status, refused.code) == (401, "UNAUTHENTICATED")
    assert "linkIdentity" in refused.message
    assert b"ada-at-work" not in world.everything_kept()


def test_a_token_does_what_a_session_does_and_no_step_up(world: World, issuer: LocalIssuer) -> None:
    """Projects, uploads and downloads work; what needs stepUp, and what is about sessions, wants a session."""
    ada = linked(world, issuer)
    by_token = Person("ada", issuer.token(), ada.id, ada.email)
    project = world.project(by_token)
    asset = world.asset(by_token, project)
    url = world.content_url(by_token, asset)
    assert world.client.get(url).status_code == 200
    with world.unchanged("access.denied", "access.denied", "access.denied"):
        assert world.do("requestExport", by_token).code == "STEP_UP_REQUIRED"
        assert world.do_plain("unlinkIdentity", by_token).code == "UNAUTHENTICATED"
        assert world.do("stepUp", by_token, password="correct horse battery").code == "UNAUTHENTICATED"
    assert world.do_plain("unlinkIdentity", ada).code is None
    assert world.ask(WHO, by_token).status == 401
    assert world.client.get(url).status_code == 404
    with world.unchanged():
        assert world.do_plain("unlinkIdentity", ada).code == "CONFLICT"


def test_an_identity_is_one_accounts_and_an_account_has_one(world: World, issuer: LocalIssuer) -> None:
    """Neither is taken over by a second tie; and it takes a session that was just stepped up."""
    ada = linked(world, issuer)
    ben = world.register("ben")
    with world.unchanged("access.denied"):
        assert world.do("linkIdentity", ben, token=issuer.token("ben")).code == "STEP_UP_REQUIRED"
    world.step_up(ben)
    with world.unchanged():
        assert world.do("linkIdentity", ben, token=issuer.token()).code == "CONFLICT"
        assert world.do("linkIdentity", ada, token=issuer.token("ada again")).code == "CONFLICT"
    assert world.ask(WHO, issuer.token()).data["viewer"]["principalId"] == ada.id


def test_staff_come_in_with_more_than_a_password_and_are_gone_when_they_leave(
    world: World, issuer: LocalIssuer
) -> None:
    """The issuer must say that it asked for a second factor; jobs are those held here; who left has no tie."""
    mara = world.employ(StaffRole.SUPPORT)
    world.do("stepUp", mara, totp=code_of(mara.second_factor, 1)).data  # noqa: B018 - fails the test where it did not work
    world.do("linkIdentity", mara, token=issuer.token("mara", amr=["otp"])).data  # noqa: B018 - as above
    for methods in (None, [], ["pwd"], "mfa", [["mfa"]]):
        with world.unchanged():
            assert world.ask(WHO, issuer.token("mara", amr=methods)).code == "MFA_REQUIRED"
    token = issuer.token("mara", amr=["pwd", "otp"], roles=["SECURITY"])
    assert world.ask(WHO, token).data["viewer"]["roles"] == ["SUPPORT"]
    staff.dismiss(world.house, mara.email)
    with world.unchanged():
        assert world.ask(WHO, token).status == 401


def test_a_token_ends_when_its_time_is_up(world: World, issuer: LocalIssuer) -> None:
    """Half a minute is forgiven between two clocks, and no more."""
    linked(world, issuer)
    token = issuer.token()
    for seconds, status in ((325, 200), (335, 401)):
        with time_machine.travel(now() + timedelta(seconds=seconds), tick=True):
            assert world.ask(WHO, token).status == status


def test_a_token_of_a_real_issuer_is_taken(home: Path, database_url: str, began: None, cheap_passwords: None) -> None:
    """From a server that is none of ours, by the authorization code flow: whoever it says it is, for us and for nobody else."""
    with _provider() as url, opened(home, database_url, oidc_issuer=url, oidc_audience=AUDIENCE) as world:
        ada = world.register("ada")
        world.step_up(ada)
        world.do("linkIdentity", ada, token=_id_token(url, "ada-at-work")).data  # noqa: B018 - as above
        assert world.ask(WHO, _id_token(url, "ada-at-work")).data["viewer"]["principalId"] == ada.id
        for token in (_id_token(url, "ben"), _id_token(url, "ada-at-work", client="another-app")):
            with world.unchanged():
                assert world.ask(WHO, token).status == 401


class _provider:
    """oidc-provider-mock in a process of its own; it answers the issuer's URL."""

    def __enter__(self) -> str:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        url = f"http://localhost:{port}"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                httpx2.get(f"{url}/jwks", trust_env=False)
            except httpx2.TransportError:
                time.sleep(0.1)
            else:
                return url
        raise TimeoutError("the issuer does not start")

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def _id_token(url: str, subject: str, client: str = AUDIENCE) -> str:
    back = "http://localhost/back"
    asked = {"client_id": client, "redirect_uri": back, "response_type": "code", "scope": "openid"}
    with httpx2.Client(trust_env=False) as http:
        agreed = http.post(f"{url}/oauth2/authorize", params=asked, data={"sub": subject})
        code = parse_qs(urlsplit(agreed.headers["location"]).query)["code"][0]
        given = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
        answer = http.post(f"{url}/oauth2/token", data=given, auth=(client, "secret"))
    return str(answer.json()["id_token"])
