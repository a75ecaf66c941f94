"""Any OpenAI-compatible endpoint by URL: real HTTP to a stand-in on loopback, well behaved and not."""

import logging
import time

import pytest

from agents.models.endpoints import Endpoint
from agents.models.failures import ModelError, ModelFailure
from agents.models.gateway import Gateway
from agents.models.providers import Message
from tests.agents.gates import SENDING, Open
from tests.agents.standins import StandIn, provider

MARKER = "marker-4711-lavender"
BRIEF = [Message("system", "Be brief."), Message("user", f"A poem about {MARKER}")]


def ask(gateway: Gateway, model: str = "house-model", max_tokens: int = 20) -> str:
    return "".join(gateway.stream(model, BRIEF, sending=SENDING, seed=3, max_tokens=max_tokens, temperature=0.5))


def refused(gateway: Gateway, **options: int) -> ModelError:
    with pytest.raises(ModelError) as caught:
        ask(gateway, **options)
    error: BaseException | None = caught.value
    while error is not None:  # nothing that a traceback would print quotes the brief
        assert MARKER not in f"{error!r} {error}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return caught.value


def test_an_endpoint_answers_with_what_it_streams(gateway: Gateway, stand_in: StandIn) -> None:
    """The words come back in order; the endpoint got the brief, the limits, the seed, its own model name, its key."""
    assert ask(gateway) == "Hello there."
    asked = stand_in.asked[0]
    assert asked["model"] == "their-name"
    assert asked["messages"] == [{"role": m.role, "content": m.content} for m in BRIEF]
    assert (asked["seed"], asked["max_tokens"], asked["temperature"], asked["stream"]) == (3, 20, 0.5, True)
    assert stand_in.keys == ["Bearer k-1"]


def test_provenance_names_the_host(gateway: Gateway, stand_in: StandIn) -> None:
    """Outputs of an endpoint say which host computed them, and claim no digest."""
    facts = gateway.facts("house-model")
    assert facts.provider == stand_in.url.removeprefix("http://").removesuffix("/v1")
    assert facts.digest is None


@pytest.mark.parametrize(
    ("status", "code", "transient"),
    [
        (500, ModelFailure.UNAVAILABLE, True),
        (429, ModelFailure.UNAVAILABLE, True),
        (401, ModelFailure.REFUSED, False),
        (400, ModelFailure.REFUSED, False),
    ],
)
def test_a_refusing_endpoint_gives_a_code_and_no_text(
    gateway: Gateway, stand_in: StandIn, status: int, code: ModelFailure, transient: bool
) -> None:
    """The endpoint's error quotes the brief; ours carries a code and whether asking again may help."""
    stand_in.status = status
    error = refused(gateway)
    assert (error.code, error.transient) == (code, transient)


@pytest.mark.parametrize(
    "body", [b"<html>hello</html>", b"data: {not json\n\n", b"data: [1]\n\n", b"", b"\xff\xfe" * 50]
)
def test_garbage_is_not_an_answer(gateway: Gateway, stand_in: StandIn, body: bytes) -> None:
    """Whatever is not the protocol, or says nothing, is unusable, and asking again is not tried."""
    stand_in.body = body
    error = refused(gateway)
    assert (error.code, error.transient) == (ModelFailure.UNUSABLE, False)


def test_an_endless_answer_is_cut_off(gateway: Gateway, stand_in: StandIn) -> None:
    """An endpoint that ignores the limit of tokens can't fill our memory or our disk."""
    stand_in.words = ["x" * 1000] * 10_000
    assert refused(gateway, max_tokens=100).code is ModelFailure.UNUSABLE
    assert stand_in.sent < 10_000


def test_a_broken_connection_is_transient(gateway: Gateway, stand_in: StandIn) -> None:
    """Nothing listens there any more: unavailable, and worth another try later."""
    gone = Gateway([Endpoint("house-model", "http://127.0.0.1:9/v1", silence_seconds=1)], gate=Open())
    error = refused(gone)
    assert (error.code, error.transient) == (ModelFailure.UNAVAILABLE, True)
    gone.close()


def test_a_silent_endpoint_times_out_with_a_pulse(stand_in: StandIn) -> None:
    """While it says nothing the caller gets a pulse to act on, and after the set silence a coded end."""
    stand_in.pause = 300
    gateway = Gateway([Endpoint("house-model", stand_in.url, silence_seconds=1)], gate=Open())
    pulses = 0
    with pytest.raises(ModelError) as caught:
        for piece in gateway.stream("house-model", BRIEF, sending=SENDING, seed=1, max_tokens=5, temperature=0):
            assert piece == ""
            pulses += 1
    assert caught.value.code is ModelFailure.TIMED_OUT
    assert pulses >= 2
    gateway.close()


def test_an_answer_that_never_ends_is_ended(stand_in: StandIn) -> None:
    """An endpoint that trickles a word now and then is stopped when its time is up."""
    stand_in.words, stand_in.pause = ["word "] * 1000, 0.2
    gateway = Gateway([Endpoint("house-model", stand_in.url)], gate=Open(), longest_seconds=1)
    assert refused(gateway).code is ModelFailure.TIMED_OUT
    gateway.close()


def test_a_caller_may_leave_at_any_word(gateway: Gateway, stand_in: StandIn) -> None:
    """Closing the answer stops the endpoint's work and frees the turn for the next question."""
    stand_in.words, stand_in.pause = ["word "] * 200, 0.02
    answer = gateway.stream("house-model", BRIEF, sending=SENDING, seed=1, max_tokens=500, temperature=0)
    while not next(answer):
        pass
    answer.close()  # type: ignore[attr-defined]
    time.sleep(0.5)
    sent = stand_in.sent
    time.sleep(0.3)
    assert stand_in.sent == sent < 200


def test_a_redirect_is_not_followed(gateway: Gateway, stand_in: StandIn) -> None:
    """The brief goes to the host that was set, and to no other that this one names."""
    with provider() as elsewhere:
        stand_in.redirect = elsewhere.url + "/chat/completions"
        assert refused(gateway).code is ModelFailure.REFUSED
        assert elsewhere.asked == []


def test_a_proxy_from_the_environment_is_not_used(
    gateway: Gateway, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No variable of the environment can send a brief by another way."""
    with provider() as elsewhere:
        monkeypatch.setenv("HTTP_PROXY", elsewhere.url)
        monkeypatch.setenv("ALL_PROXY", elsewhere.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert ask(gateway) == "Hello there."
        assert elsewhere.asked == []


def test_nothing_of_the_brief_is_logged(gateway: Gateway, stand_in: StandIn, caplog: pytest.LogCaptureFixture) -> None:
    """Even with every logger at DEBUG neither brief nor key nor answer reaches a log."""
    with caplog.at_level(logging.DEBUG):
        ask(gateway)
        stand_in.status = 500
        refused(gateway)
    for word in (MARKER, "k-1", "Hello"):
        assert word not in caplog.text


def test_an_unknown_model_is_refused_before_anything_is_sent(gateway: Gateway, stand_in: StandIn) -> None:
    """A name nobody offers gives a coded error."""
    with pytest.raises(ModelError) as caught:
        ask(gateway, model="other")
    assert caught.value.code is ModelFailure.UNKNOWN
    assert stand_in.asked == []
