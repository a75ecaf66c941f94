"""What contributors put right about their data and complain of, and that each of it is answered in time."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine

from resolvers import rights
from storage.clock import now
from storage.staff import StaffRole
from tests.world import PASSWORD, Person, World, raw_id

REGISTER = """{ rightsRequests { totalCount edges { node {
    id kind topic status identified text answer overdue receivedAt dueAt answeredAt viewerCan } } } }"""
WORDS = "My drawing was shown to somebody I do not know."


def register(world: World, by: Person) -> list[dict[str, Any]]:
    """The lines of the register that somebody sees, the newest first."""
    return [edge["node"] for edge in world.ask(REGISTER, by).data["rightsRequests"]["edges"]]


def complain(world: World, by: Person, text: str = WORDS) -> str:
    made = world.do("fileComplaint", by, wants="rightsRequest { id }", topic="ACCESS", text=text)
    return str(made.data["it"]["rightsRequest"]["id"])


def test_a_corrected_name_and_e_mail_hold_from_that_moment(world: World) -> None:
    """The new address signs in, the old one does not; the register says that it was done, the trail not what."""
    ada = world.register("ada")
    with world.unchanged("access.denied"):
        assert world.do("correctMyData", ada, displayName="Ada L.").code == "STEP_UP_REQUIRED"
    world.step_up(ada)
    wants = "contributor { displayName email } rightsRequest { kind status identified answeredAt overdue }"
    done = world.do("correctMyData", ada, wants=wants, displayName="Ada L.", email="New@Example.org").data["it"]
    assert done["contributor"] == {"displayName": "Ada L.", "email": "new@example.org"}
    assert done["rightsRequest"]["status"] == "ANSWERED"
    assert done["rightsRequest"]["identified"] is True
    assert done["rightsRequest"]["overdue"] is False
    assert world.sign_in("new@example.org").code is None
    assert world.sign_in(ada.email).code == "UNAUTHENTICATED"
    assert world.events("contributor.corrected")[-1]["details"] == {"nameChanged": True, "emailChanged": True}
    assert b"new@example.org" not in world.everything_kept()


def test_an_e_mail_that_somebody_has_is_refused(world: World) -> None:
    """Of a contributor's or of staff: nothing changes, not even the name that was sent along."""
    ada, ben, staff = world.register("ada"), world.register("ben"), world.employ(StaffRole.SUPPORT)
    world.step_up(ada)
    for taken in (ben.email, ben.email.upper(), staff.email):
        with world.unchanged():
            refused = world.do("correctMyData", ada, displayName="Other", email=taken)
        assert (refused.code, refused.field) == ("CONFLICT", "email")
    assert world.do("correctMyData", ada, email=ada.email.upper()).code is None
    assert world.sign_in(ada.email).code is None


UNUSABLE = [
    ("correctMyData", {}, "displayName"),
    ("correctMyData", {"displayName": " "}, "displayName"),
    ("correctMyData", {"displayName": "x" * 101}, "displayName"),
    ("correctMyData", {"email": "nobody"}, "email"),
    ("correctMyData", {"note": "x"}, "note"),
    ("correctMyData", {"note": "x" * 5001}, "note"),
    ("fileComplaint", {"topic": "USE", "text": "  "}, "text"),
    ("fileComplaint", {"topic": "USE", "text": "x" * 5001}, "text"),
    ("fileComplaint", {"topic": "USE", "text": "a\x00b"}, "text"),
]


@pytest.mark.one_database("sqlite", reason="refused before any database is asked")
def test_what_can_not_be_used_is_refused(world: World, subtests: pytest.Subtests) -> None:
    """With the field's name, and no line in the register."""
    ada = world.register("ada")
    world.step_up(ada)
    for mutation, given, field in UNUSABLE:
        with subtests.test(mutation=mutation, given=given, field=field):
            with world.unchanged():
                refused = world.do(mutation, ada, **given)
            assert (refused.code, refused.field) == ("BAD_USER_INPUT", field)


def test_a_complaint_is_answered_once_by_privacy_and_by_nobody_else(world: World) -> None:
    """It is due in thirty days; the contributor reads the answer; the words stand nowhere in clear."""
    ada, ben = world.register("ada"), world.register("ben")
    request = complain(world, ada)
    [line] = register(world, ada)
    assert (line["status"], line["text"], line["answer"], line["identified"]) == ("OPEN", WORDS, None, False)
    received, due = (datetime.fromisoformat(line[each]) for each in ("receivedAt", "dueAt"))
    assert due - received == timedelta(days=30)
    assert line["viewerCan"] == ["READ", "READ_REASON"]
    assert register(world, ben) == []
    auditor, privacy, support = (
        world.employ(role) for role in (StaffRole.AUDITOR, StaffRole.PRIVACY, StaffRole.SUPPORT)
    )
    assert [(each["status"], each["text"]) for each in register(world, auditor)] == [("OPEN", None)]
    assert register(world, support) == []
    given = {"rightsRequestId": request, "answer": "It was a colleague; the share has ended."}
    for by, code in ((ada, "FORBIDDEN"), (ben, "NOT_FOUND"), (auditor, "FORBIDDEN"), (support, "NOT_FOUND")):
        with world.unchanged("access.denied"):
            assert world.do("answerRightsRequest", by, **given).code == code
    with world.unchanged():
        assert world.do("answerRightsRequest", privacy, **{**given, "answer": " "}).code == "BAD_USER_INPUT"
    assert "ANSWER" in register(world, privacy)[0]["viewerCan"]
    world.do("answerRightsRequest", privacy, **given).data  # noqa: B018 - fails the test where it did not work
    with world.unchanged("access.denied"):
        assert world.do("answerRightsRequest", privacy, **given).code == "FORBIDDEN"
    [line] = register(world, ada)
    assert (line["status"], line["answer"], line["overdue"]) == ("ANSWERED", given["answer"], False)
    assert world.events("rights.answered")[-1]["details"] == {"textLength": len(given["answer"]), "inTime": True}
    kept = world.everything_kept()
    assert WORDS.encode() not in kept
    assert given["answer"].encode() not in kept


def test_what_is_late_says_so(world: World) -> None:
    """A day past the deadline it is overdue, and answered then it stays so, in the trail as well."""
    ada = world.register("ada")
    world.step_up(ada)
    note = world.do(
        "correctMyData", ada, wants="rightsRequest { id status }", note="A prompt is not mine.", topic="CONTENT"
    )
    assert note.data["it"]["rightsRequest"]["status"] == "OPEN"
    with time_machine.travel(now() + rights.ANSWERED_WITHIN + timedelta(days=1)):
        ada.token = world.sign_in(ada.email, PASSWORD).data["it"]["session"]["token"]
        assert [line["overdue"] for line in register(world, ada)] == [True]
        privacy = world.employ(StaffRole.PRIVACY)
        given = {"rightsRequestId": note.data["it"]["rightsRequest"]["id"], "answer": "It has been moved."}
        world.do("answerRightsRequest", privacy, **given).data  # noqa: B018 - fails the test where it did not work
        assert [line["overdue"] for line in register(world, ada)] == [True]
    assert world.events("rights.answered")[-1]["details"]["inTime"] is False


def test_a_flood_of_complaints_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many may wait for an answer; then it is RATE_LIMITED, until some have theirs."""
    monkeypatch.setattr(rights, "_MOST_OPEN", 2)
    ada = world.register("ada")
    first = complain(world, ada)
    complain(world, ada)
    with world.unchanged():
        assert world.do("fileComplaint", ada, topic="OTHER", text=WORDS).code == "RATE_LIMITED"
    given = {"rightsRequestId": first, "answer": "Seen to."}
    world.do("answerRightsRequest", world.employ(StaffRole.PRIVACY), **given).data  # noqa: B018 - fails where refused
    assert complain(world, ada)


def test_the_trail_says_that_there_was_a_complaint_and_not_a_word_of_it(world: World) -> None:
    """Its kind, its length, and whose it is."""
    ada = world.register("ada")
    request = complain(world, ada)
    [event] = world.events("rights.complaint_filed")
    assert event["details"] == {"topic": "ACCESS", "textLength": len(WORDS)}
    assert event["resourceId"] == str(raw_id(request))
