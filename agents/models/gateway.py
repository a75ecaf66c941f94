"""The one way to a language model. Whatever a model does, a caller gets text or a coded error, in bounded time."""

import queue
import threading
import time
import uuid
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from agents.egress import Closed, EgressRefused, Gate, Sending
from agents.models.failures import ModelError, ModelFailure
from agents.models.providers import Ask, Facts, Message, Provider

_PULSE_SECONDS = 0.25
_ASK_SECONDS = 1.0
_BYTES_PER_TOKEN = 32  # no tokenizer packs more into one token; a longer answer is not the one we asked for


@dataclass(frozen=True)
class _End:
    error: ModelError | None


class Gateway:
    """Models by name. Thread-safe; each provider answers at most `parallel` questions at once, the others wait."""

    def __init__(
        self, providers: Sequence[Provider], *, gate: Gate | None = None, longest_seconds: float = 300.0
    ) -> None:
        """`longest_seconds` bounds one answer, waiting for its turn not included. Without a `gate` nothing is sent."""
        self._gate = gate or Closed()
        self._providers = {provider.model: provider for provider in providers}
        self._turns = {provider.model: threading.BoundedSemaphore(provider.parallel) for provider in providers}
        self._longest = longest_seconds

    @property
    def models(self) -> tuple[str, ...]:
        """The names that may be asked for, the default first."""
        return tuple(self._providers)

    def facts(self, model: str) -> Facts:
        """Where answers of `model` come from. Raises ModelError (UNKNOWN, UNAVAILABLE)."""
        return self._provider(model).facts()

    def room(self, model: str) -> int:
        """How many tokens of question `model` takes, roughly. Raises ModelError (UNKNOWN)."""
        return self._provider(model).room

    def stream(
        self,
        model: str,
        messages: Sequence[Message],
        *,
        sending: Sending,
        seed: int,
        max_tokens: int,
        temperature: float,
        call: uuid.UUID | None = None,
        named: Callable[[str], object] | None = None,
    ) -> Generator[str]:
        """The answer of `model`, piece by piece.

        An empty piece comes at least four times a second while nothing happens (waiting for a turn, for the model to
        load, for the next word), so that the caller can look whether to go on; closing the iterator stops the model.
        Once it is its turn the gate is asked whether this model may answer and `sending` may go there now, and of the
        latter again each second while an answer
        comes in: what was taken back meanwhile stops it. Raises ModelError; what was yielded before is then worthless.
        `named` is as in `Ask`.
        """
        provider, turn = self._provider(model), self._turns[model]
        while not turn.acquire(timeout=_PULSE_SECONDS):
            yield ""
        try:
            self._ask_gate(provider, sending, provider.facts().version)
        except BaseException:
            turn.release()
            raise
        ask = Ask(tuple(messages), seed, max_tokens, temperature, call, named)
        pieces: queue.SimpleQueue[str | _End] = queue.SimpleQueue()
        unwanted = threading.Event()
        reader = threading.Thread(
            target=_read, args=(provider, ask, pieces, unwanted, turn), name=f"model-{model}", daemon=True
        )
        reader.start()
        asked = time.monotonic()
        deadline = asked + self._longest
        room, said = max_tokens * _BYTES_PER_TOKEN, False
        try:
            while True:
                if time.monotonic() > deadline:
                    raise ModelError(ModelFailure.TIMED_OUT)
                if time.monotonic() > asked + _ASK_SECONDS:
                    self._ask_gate(provider, sending)
                    asked = time.monotonic()
                try:
                    piece = pieces.get(timeout=_PULSE_SECONDS)
                except queue.Empty:
                    yield ""
                    continue
                if isinstance(piece, _End):
                    if piece.error is not None:
                        raise piece.error
                    break
                room -= len(piece.encode())
                if room < 0:
                    raise ModelError(ModelFailure.UNUSABLE)
                said = said or bool(piece.strip())
                yield piece
        finally:
            unwanted.set()
        if not said:
            raise ModelError(ModelFailure.UNUSABLE)

    def _ask_gate(self, provider: Provider, sending: Sending, version: str | None = None) -> None:
        try:
            self._gate.clear(provider.address, sending)
            if version is not None:
                self._gate.admit(version, sending)
        except EgressRefused as refusal:
            code = ModelFailure.CONSENT_REQUIRED if refusal.objection.is_theirs else ModelFailure.NOT_APPROVED
            raise ModelError(code) from None

    def reachable(self) -> bool:
        """Whether every provider could be asked at the moment. Nothing is sent to any."""
        return all(provider.reachable() for provider in self._providers.values())

    def close(self) -> None:
        """Stop every provider."""
        for provider in self._providers.values():
            provider.close()

    def _provider(self, model: str) -> Provider:
        try:
            return self._providers[model]
        except KeyError:
            raise ModelError(ModelFailure.UNKNOWN) from None


def _read(
    provider: Provider,
    ask: Ask,
    pieces: "queue.SimpleQueue[str | _End]",
    unwanted: threading.Event,
    turn: threading.BoundedSemaphore,
) -> None:
    error: ModelError | None = None
    try:
        answer = provider.answer(ask)
        for piece in answer:
            if unwanted.is_set():
                break
            pieces.put(piece)
        answer.close()
    except ModelError as known:
        error = known
    except Exception:
        # A provider's own mistake. Its text may quote the prompt, so only the fact goes on.
        error = ModelError(ModelFailure.UNAVAILABLE)
    finally:
        turn.release()
        pieces.put(_End(error))
