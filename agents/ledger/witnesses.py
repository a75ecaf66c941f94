"""Asking witnesses to cosign a checkpoint: the client side of C2SP tlog-witness (https://c2sp.org/tlog-witness).

A witness remembers one checkpoint of ours, and cosigns the next only if that one begins it. So it finds out what nobody
here could: that the log was rolled back together with all we keep of it, or shows others another history.
"""

import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from agents.outward import AddressRefused, Answer, NoAnswer, exchange
from storage.ledger import cosignatures
from storage.ledger.events import WitnessFailure
from storage.ledger.notes import NoteRefused
from storage.ledger.tree import Published
from storage.ledger.witnesses import Witness, WitnessPolicy

Prove = Callable[[int, int], Sequence[bytes]]
"""Answers the consistency proof between trees of these two sizes, the older one not empty."""

PAUSES = (1, 5, 15, 60)
"""Seconds before a witness that failed is asked again; the last one over and over."""

ANSWER_SECONDS = 3.0
"""How long a witness is waited for: entries wait with it until they are published."""

_CONFLICTS = 3
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,17})\n")
_SIZE_TYPE = "text/x.tlog.size"


class WitnessRefused(Exception):
    """A witness did not cosign. `size` is how many entries it has seen, where it said so."""

    def __init__(self, reason: WitnessFailure, size: int = 0) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.size = size


@dataclass(frozen=True)
class Witnessed:
    """What the witnesses said: the note with their cosignatures, whether they are enough, and who failed, and how."""

    note: str
    is_enough: bool
    failures: dict[str, WitnessRefused] = field(default_factory=dict)


@dataclass
class _Known:
    """What this process knows of a witness: how many entries it has seen, and how long it is left alone."""

    size: int = 0
    failures: int = 0
    rests_until: float = 0.0


class Witnesses:
    """Those of `policy` that have an address. `inside_too`, for development, lets http and this network's own through.

    One thread uses it; it asks all witnesses at once.
    """

    def __init__(
        self, policy: WitnessPolicy, *, inside_too: bool = False, exchange: Callable[..., Answer] = exchange
    ) -> None:
        self.policy = policy
        self._inside_too = inside_too
        self._exchange = exchange
        self._asked = [each for each in policy.witnesses.values() if each.url is not None]
        self._known = {each.name: _Known() for each in self._asked}

    def are_ready(self) -> bool:
        """Whether those who are not left alone for now could be enough. If not, signing would be for nothing."""
        return self.policy.is_met([each.name for each in self._awake()])

    def cosign(self, published: Published, prove: Prove) -> Witnessed:
        """Ask everybody who is awake. Never raises for what a witness does."""
        note, seen, failures = published.note, [], {}
        awake = self._awake()
        with ThreadPoolExecutor(max_workers=max(1, len(awake)), thread_name_prefix="witness") as pool:
            answers = {each.name: pool.submit(self._ask, each, published, prove) for each in awake}
        for witness in awake:
            known = self._known[witness.name]
            try:
                note = cosignatures.joined(note, answers[witness.name].result(), witness.key)
            except WitnessRefused as refusal:
                failures[witness.name] = refusal
            except NoteRefused:
                failures[witness.name] = WitnessRefused(WitnessFailure.NOT_COSIGNED)
            if witness.name in failures:
                known.failures += 1
                known.rests_until = time.monotonic() + PAUSES[min(known.failures, len(PAUSES)) - 1]
            else:
                known.size, known.failures = published.checkpoint.size, 0
                seen.append(witness.name)
        return Witnessed(note, self.policy.is_met(seen), failures)

    def failed_before(self, name: str) -> bool:
        """Whether this witness's last failure was not the first of its outage."""
        return self._known[name].failures > 1

    def _awake(self) -> list[Witness]:
        moment = time.monotonic()
        return [each for each in self._asked if self._known[each.name].rests_until <= moment]

    def _ask(self, witness: Witness, published: Published, prove: Prove) -> str:
        """The signature lines with which it answers. Raises WitnessRefused."""
        size = published.checkpoint.size
        old = min(self._known[witness.name].size, size)
        for _ in range(_CONFLICTS):
            proof = prove(old, size) if 0 < old < size else ()
            answer = self._posted(witness, cosignatures.submission(old, proof, published.note))
            if answer.status == 200:
                return answer.body.decode(errors="replace")
            if answer.status == 422:
                raise WitnessRefused(WitnessFailure.CONTRADICTED, old)
            told = _SIZE.fullmatch(answer.body)
            if answer.status != 409 or answer.media_type != _SIZE_TYPE or told is None:
                raise WitnessRefused(WitnessFailure.NOT_ACCEPTED)
            old = int(told[1])
            if old > size:
                raise WitnessRefused(WitnessFailure.AHEAD, old)
        raise WitnessRefused(WitnessFailure.NOT_ACCEPTED)

    def _posted(self, witness: Witness, body: bytes) -> Answer:
        url = f"{(witness.url or '').rstrip('/')}/add-checkpoint"
        headers = {"content-type": "text/plain; charset=utf-8", "accept-encoding": "identity"}
        try:
            return self._exchange(url, body, headers, inside_too=self._inside_too, seconds=ANSWER_SECONDS)
        except AddressRefused:
            raise WitnessRefused(WitnessFailure.ADDRESS_REFUSED) from None
        except NoAnswer:
            raise WitnessRefused(WitnessFailure.NO_ANSWER) from None
