"""Second factors: staff are nobody without one, a code is good once, and a lost one is not the end."""

import base64
import concurrent.futures
from dataclasses import dataclass
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import delete, update

from resolvers import staff
from storage.clock import now
from storage.database import transaction
from storage.factors import SecondFactor
from storage.sessions import Session
from storage.staff import StaffRole
from tests.world import PASSWORD, Answer, Person, World, code_of

WHO = "{ viewer { kind } }"
ONE = pytest.mark.one_database("sqlite", reason="what the database decides is tried by the tests of codes taken once")


@dataclass
class Member:
    """A member of staff who has not signed in."""

    world: World
    email: str
    password: str
    uri: str

    def sign_in(self, **proof: str) -> Answer:
        return self.world.sign_in(self.email, self.password, **proof)


@pytest.fixture
def member(world: World) -> Member:
    hired = staff.add(world.house, "mara@example.org", [StaffRole.SUPPORT])
    return Member(world, "mara@example.org", hired.password, hired.second_factor)


def refusals(world: World) -> list[str]:
    return [event["details"]["reason"] for event in world.events("session.refused")]


def enrolled(world: World, person: Person) -> tuple[str, list[str]]:
    """The otpauth URI and the recovery codes of an app that `person` has put in force, stepped up for it."""
    uri = world.do_plain("enrollTotp", person, wants="uri").data["it"]["uri"]
    codes = world.do("confirmTotp", person, wants="recoveryCodes", totp=code_of(uri)).data["it"]["recoveryCodes"]
    return uri, codes


@pytest.fixture
def ada(world: World) -> Person:
    """A contributor who has just proved who she is."""
    person = world.register("ada")
    world.step_up(person)
    return person


@ONE
def test_a_password_alone_does_not_let_staff_in(world: World, member: Member) -> None:
    """It is told what is missing, in a code; no session begins, and the attempt is in the trail."""
    with world.unchanged("session.refused"):
        refused = member.sign_in()
    assert (refused.code, refused.field) == ("MFA_REQUIRED", "totp")
    assert refusals(world) == ["SECOND_FACTOR_ASKED"]
    assert member.sign_in(totp=code_of(member.uri)).data["it"]["viewer"]["kind"] == "STAFF"


@ONE
def test_a_wrong_password_says_nothing_of_a_second_factor(world: World, member: Member) -> None:
    """With a good code and without: the words are those of an unknown e-mail, and the code is not used up."""
    wrong = [
        world.sign_in(member.email, "wrong password here"),
        world.sign_in(member.email, "wrong password here", totp=code_of(member.uri)),
        world.sign_in("nobody@example.org", "wrong password here", totp=code_of(member.uri)),
    ]
    assert {(answer.code, answer.message) for answer in wrong} == {("UNAUTHENTICATED", "E-mail or password is wrong.")}
    assert member.sign_in(totp=code_of(member.uri)).code is None


def test_a_code_is_taken_once_and_none_that_is_older(world: World, member: Member) -> None:
    """Who looked over a shoulder has nothing: not that code, nor the one before it. The next one is good."""
    assert member.sign_in(totp=code_of(member.uri)).code is None
    for steps in (0, -1):
        refused = member.sign_in(totp=code_of(member.uri, steps))
        assert (refused.code, refused.field) == ("UNAUTHENTICATED", "totp")
    assert refusals(world) == ["REPEATED_CODE", "REPEATED_CODE"]
    assert member.sign_in(totp=code_of(member.uri, 1)).code is None


def test_of_those_who_send_a_code_at_the_same_moment_one_gets_in(world: World, member: Member) -> None:
    """The database gives it out once, whoever of several processes or threads asks."""
    code = code_of(member.uri, 1)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        told = [answer.code for answer in pool.map(lambda _: member.sign_in(totp=code), range(6))]
    assert sorted(told, key=str) == [None, *["UNAUTHENTICATED"] * 5]
    assert len(world.events("session.started")) == 1


@ONE
def test_guessing_codes_is_throttled_like_guessing_passwords(world: World, member: Member) -> None:
    """After ten wrong codes the right one waits too; asking which factor is needed is no guess."""
    good = {code_of(member.uri, steps) for steps in range(-2, 4)}
    wrong = next(code for code in ("000000", "111111", "222222", "333333") if code not in good)
    for _ in range(3):
        assert member.sign_in().code == "MFA_REQUIRED"
    for _ in range(10):
        assert member.sign_in(totp=wrong).code == "UNAUTHENTICATED"
    with world.unchanged("session.throttled"):
        assert member.sign_in(totp=code_of(member.uri)).code == "RATE_LIMITED"
    assert refusals(world)[3:] == ["WRONG_CODE"] * 10


NO_CODES = [
    ({"totp": ""}, "totp"),
    ({"totp": "12345"}, "totp"),
    ({"totp": "1234567"}, "totp"),
    ({"totp": "١٢٣٤٥٦"}, "totp"),
    ({"totp": "12 345"}, "totp"),
    ({"recoveryCode": "aaaa"}, "recoveryCode"),
    ({"recoveryCode": "aaaa-aaaa-aaaa-aaa1"}, "recoveryCode"),
    ({"totp": "123456", "recoveryCode": "aaaa-aaaa-aaaa-aaaa"}, "recoveryCode"),
]


@ONE
def test_what_can_be_no_code_is_told_so(world: World, member: Member) -> None:
    """It counts as no guess, and changes nothing."""
    for proof, field in NO_CODES:
        with world.unchanged():
            refused = member.sign_in(**proof)
        assert (refused.code, refused.field) == ("BAD_USER_INPUT", field), proof


@ONE
def test_a_session_without_second_factor_answers_staff_nothing(world: World) -> None:
    """A session from before there were second factors: every question, mutation and stream is refused in a code."""
    support = world.employ(StaffRole.SUPPORT)
    with transaction(world.house.store.engine) as session:
        session.execute(update(Session).values(second_factor_at=None))
    for document in (WHO, "{ roles { name } }", "mutation { signOut { auditEventId } }"):
        with world.unchanged():
            assert world.ask(document, support).code == "MFA_REQUIRED"
    headers = {"authorization": f"Bearer {support.token}", "accept": "text/event-stream"}
    asked = {"query": 'subscription { exportProgress(exportId: "x") { id } }'}
    with world.unchanged():
        streamed = world.client.post("/graphql", json=asked, headers=headers)
    assert streamed.json()["errors"][0]["extensions"]["code"] == "MFA_REQUIRED"


@ONE
def test_staff_without_any_second_factor_are_told_whom_to_ask(world: World, member: Member) -> None:
    """Their password opens nothing, not even enrolment; whoever runs the server hands them another."""
    with transaction(world.house.store.engine) as session:
        session.execute(delete(SecondFactor))
    with world.unchanged("session.refused"):
        refused = member.sign_in(totp="123456")
    assert refused.code == "MFA_REQUIRED"
    assert "staff enrol" in refused.message
    member.uri = staff.enrol(world.house, member.email)
    assert member.sign_in(totp=code_of(member.uri)).code is None


@ONE
def test_handing_out_another_second_factor_ends_what_was(world: World, member: Member) -> None:
    """The old app and every session of that member are worth nothing from then on; nobody else's are."""
    token = member.sign_in(totp=code_of(member.uri)).data["it"]["session"]["token"]
    other = world.employ(StaffRole.SUPPORT)
    new = staff.enrol(world.house, member.email)
    assert world.ask(WHO, token).status == 401
    assert member.sign_in(totp=code_of(member.uri, 1)).code == "UNAUTHENTICATED"
    assert member.sign_in(totp=code_of(new)).code is None
    assert world.ask(WHO, other).data["viewer"]["kind"] == "STAFF"


@ONE
def test_contributors_choose_a_second_factor_and_then_need_it(world: World, ada: Person) -> None:
    """Before it is confirmed nothing changes; from then on a password is not enough, and other sessions have ended."""
    elsewhere = world.sign_in(ada.email).data["it"]["session"]["token"]
    world.do_plain("enrollTotp", ada, wants="uri").data  # noqa: B018 - fails the test where it did not work
    assert world.sign_in(ada.email).code is None
    uri, _ = enrolled(world, ada)
    assert world.ask(WHO, elsewhere).status == 401
    assert world.ask(WHO, ada).code is None
    assert world.sign_in(ada.email).code == "MFA_REQUIRED"
    assert world.sign_in(ada.email, totp=code_of(uri, 1)).code is None


@ONE
def test_stepping_up_asks_for_the_second_factor(world: World, ada: Person) -> None:
    """A stolen session with the password is not enough for exports and deletions; a code is, once."""
    uri, _ = enrolled(world, ada)
    session = Person("ada", world.sign_in(ada.email, totp=code_of(uri, 1)).data["it"]["session"]["token"])
    with world.unchanged("session.refused", "access.denied"):
        assert world.do("stepUp", session, password=PASSWORD).code == "MFA_REQUIRED"
        assert world.do("requestExport", session).code == "STEP_UP_REQUIRED"
    assert world.do("stepUp", session, totp=code_of(uri)).code == "UNAUTHENTICATED"
    with time_machine.travel(now() + timedelta(seconds=60), tick=True):
        assert world.do("stepUp", session, totp=code_of(uri)).code is None
        assert world.do("requestExport", session).code is None


NO_PROOFS: list[tuple[dict[str, str], str]] = [
    ({}, "password"),
    ({"password": PASSWORD, "totp": "123456"}, "password"),
    ({"totp": "123456"}, "totp"),
    ({"recoveryCode": "aaaa-aaaa-aaaa-aaaa"}, "recoveryCode"),
]


@ONE
def test_a_proof_is_one_that_the_account_has(world: World) -> None:
    """Nothing, two at once, and a second factor where there is none: refused, and the session is as it was."""
    ada = world.register("ada")
    for given, field in NO_PROOFS:
        with world.unchanged():
            refused = world.do("stepUp", ada, **given)
        assert (refused.code, refused.field) == ("BAD_USER_INPUT", field), given


def test_a_recovery_code_stands_in_once(world: World, ada: Person) -> None:
    """Written as it was shown or otherwise; what is left is told to the trail; whose it is not, it is worth nothing."""
    _, codes = enrolled(world, ada)
    assert len(set(codes)) == 10
    assert world.sign_in(ada.email, recoveryCode=codes[0]).code is None
    refused = world.sign_in(ada.email, recoveryCode=codes[0])
    assert (refused.code, refused.field) == ("UNAUTHENTICATED", "recoveryCode")
    assert world.sign_in(ada.email, recoveryCode=codes[1].upper().replace("-", " ")).code is None
    assert [event["details"]["left"] for event in world.events("recovery_code.used")] == [9, 8]
    ben = world.register("ben")
    world.step_up(ben)
    enrolled(world, ben)
    assert world.sign_in(ben.email, recoveryCode=codes[2]).code == "UNAUTHENTICATED"


@ONE
def test_another_app_takes_the_place_of_the_first(world: World, ada: Person) -> None:
    """The first is good until the new one's first code has come; then it and its recovery codes are not."""
    first, codes = enrolled(world, ada)
    world.do_plain("enrollTotp", ada, wants="uri").data  # noqa: B018 - one that nobody confirms
    second = world.do_plain("enrollTotp", ada, wants="uri").data["it"]["uri"]
    with world.unchanged("access.denied"):
        assert world.do("confirmTotp", ada, totp=code_of(first, 1)).code == "UNAUTHENTICATED"
    assert world.sign_in(ada.email, totp=code_of(first, 1)).code is None
    assert world.do("confirmTotp", ada, totp=code_of(second)).code is None
    assert world.sign_in(ada.email, recoveryCode=codes[0]).code == "UNAUTHENTICATED"
    assert world.sign_in(ada.email, totp=code_of(second, 1)).code is None
    with world.unchanged():
        assert world.do("confirmTotp", ada, totp=code_of(second, 1)).code == "CONFLICT"


@ONE
def test_contributors_do_without_again_and_staff_do_not(world: World, ada: Person) -> None:
    """Each after proving who they are; staff take another app, or none."""
    enrolled(world, ada)
    assert world.do_plain("removeTotp", ada).code is None
    assert world.sign_in(ada.email).code is None
    with world.unchanged():
        assert world.do_plain("removeTotp", ada).code == "CONFLICT"
    support = world.employ(StaffRole.SUPPORT)
    world.do("stepUp", support, totp=code_of(support.second_factor, 1)).data  # noqa: B018 - fails the test where it did not work
    with world.unchanged():
        assert world.do_plain("removeTotp", support).code == "CONFLICT"
    with time_machine.travel(now() + timedelta(seconds=60), tick=True):
        uri, _ = enrolled(world, support)
        assert f"muniment.local:{support.email.replace('@', '%40')}" in uri


@ONE
def test_no_secret_and_no_code_is_kept_in_clear(world: World, ada: Person) -> None:
    """Neither database, keys nor files hold the secret in any of its spellings, nor a recovery code."""
    uri, codes = enrolled(world, ada)
    kept = world.everything_kept()
    encoded = uri.partition("secret=")[2].partition("&")[0]
    secret = base64.b32decode(encoded)
    spellings = [encoded.encode(), secret, secret.hex().encode(), base64.b64encode(secret)]
    spellings += [form.encode() for code in codes for form in (code, code.replace("-", ""))]
    assert [form for form in spellings if form in kept] == []
