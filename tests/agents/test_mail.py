"""E-mail, handed to a real SMTP server on loopback: over TLS or not at all, one message to one person."""

import socket
from pathlib import Path

import pytest

from agents.mail import Mail, MailRefused
from storage.ledger.events import DeliveryFailure
from tests.services.postbox import Postbox, postbox

SENDER = "notices@muniment.example"


def mail(box: Postbox, scheme: str = "smtp", user: str = "") -> Mail:
    made = Mail.at(f"{scheme}://{user}127.0.0.1:{box.port}", SENDER)
    if box.authority == Path():
        return made
    return Mail(made.host, made.port, made.sender, made.implicit, made.user, made.password, box.trusting())


def hand_in(
    by: Mail, to: str = "ada@example.org", subject: str = "12 assets go on 3 May 2027"
) -> DeliveryFailure | None:
    return by.send(to, subject, "Liebe Grüße.\n\nA link.\n", "7@muniment.example")


def test_a_message_comes_as_it_was_meant(tmp_path: Path) -> None:
    """To one person, in plain text, with what mail programs need to sort it and never to answer it."""
    with postbox(tmp_path) as box:
        assert hand_in(mail(box)) is None
    [message] = box.messages
    assert box.to == [["ada@example.org"]]
    assert (message["From"], message["To"]) == (SENDER, "ada@example.org")
    assert message["Subject"] == "12 assets go on 3 May 2027"
    assert message["Message-ID"] == "<7@muniment.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime.utcoffset() is not None
    assert message.get_content_type() == "text/plain"
    assert message.get_content().replace("\r\n", "\n") == "Liebe Grüße.\n\nA link.\n"


@pytest.mark.parametrize(("tls", "scheme"), [("starttls", "smtp"), ("implicit", "smtps")])
def test_credentials_go_over_tls(tmp_path: Path, tls: str, scheme: str) -> None:
    """Both ways to TLS; user and password arrive as they were meant, escaped in the address."""
    with postbox(tmp_path, tls=tls) as box:
        assert hand_in(mail(box, scheme, "post%40house:p%3Aw@")) is None
    assert box.over_tls == [True]
    assert box.signed_in == [("post@house", "p:w")]


def test_no_credentials_and_no_message_without_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that offers no TLS gets no password, even on this machine; one elsewhere gets nothing at all."""
    with postbox(tmp_path) as box:
        assert hand_in(mail(box, user="post:secret@")) is DeliveryFailure.ADDRESS_REFUSED
        monkeypatch.setattr("agents.mail._LOOPBACK", ())
        assert hand_in(mail(box)) is DeliveryFailure.ADDRESS_REFUSED
    assert (box.messages, box.signed_in) == ([], [])


@pytest.mark.parametrize(("tls", "scheme"), [("starttls", "smtp"), ("implicit", "smtps")])
def test_a_server_that_nobody_vouches_for_gets_nothing(tmp_path: Path, tls: str, scheme: str) -> None:
    """Its certificate is of an authority that this machine does not know."""
    with postbox(tmp_path, tls=tls) as box:
        stranger = Mail.at(f"{scheme}://post:secret@127.0.0.1:{box.port}", SENDER)
        assert hand_in(stranger) is DeliveryFailure.NO_ANSWER
    assert (box.messages, box.signed_in) == ([], [])


def test_what_a_server_does_not_take_is_told(tmp_path: Path) -> None:
    """The letter or its address refused for good; not accepted for now; nobody there: no answer."""
    with postbox(tmp_path) as box:
        box.answer = "451 later"
        assert hand_in(mail(box)) is DeliveryFailure.NOT_ACCEPTED
        box.rcpt_answer = "450 full"
        assert hand_in(mail(box)) is DeliveryFailure.NOT_ACCEPTED
        box.rcpt_answer = "550 nobody"
        assert hand_in(mail(box)) is DeliveryFailure.ADDRESS_UNUSABLE
        box.rcpt_answer, box.answer = "250 OK", "554 no"
        assert hand_in(mail(box)) is DeliveryFailure.MESSAGE_REFUSED
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert hand_in(Mail.at(f"smtp://127.0.0.1:{port}", SENDER)) is DeliveryFailure.NO_ANSWER


@pytest.mark.parametrize(
    ("to", "subject"),
    [
        ("ada@example.org\r\nBcc: eve@example.org", "News"),
        ("ada@example.org, eve@example.org", "News"),
        ("ada@example.org", "News\r\nBcc: eve@example.org"),
        ("nobody", "News\nX: y"),
    ],
)
def test_nothing_makes_a_second_header_or_a_second_reader(tmp_path: Path, to: str, subject: str) -> None:
    """Whatever stands in an address or a subject, a message goes to one person or is not sent."""
    with postbox(tmp_path) as box:
        failure = DeliveryFailure.MESSAGE_REFUSED if to == "ada@example.org" else DeliveryFailure.ADDRESS_UNUSABLE
        assert hand_in(mail(box), to, subject) is failure
    assert box.messages == []


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("http://127.0.0.1", SENDER),
        ("smtp://", SENDER),
        ("smtp://127.0.0.1:x", SENDER),
        ("smtps://mail.example/path", SENDER),
        ("smtps://mail.example", "no address"),
        ("smtps://mail.example", "a@b\nBcc: c@d"),
    ],
)
def test_addresses_that_can_t_be_used_are_refused(url: str, sender: str) -> None:
    """When the settings are read, and without repeating what was said."""
    with pytest.raises(MailRefused) as caught:
        Mail.at(url, sender)
    assert sender not in str(caught.value)
