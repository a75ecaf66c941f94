"""Limits of failed attempts to prove who is asking: each attempt is counted before it is judged.

What is counted is what an attacker would have to spend: an e-mail from one address; an e-mail from all addresses where
its account never signed in; an address with all e-mails; second factors of one account; the proofs of one session. A
right attempt takes back what was counted for it, and nothing else. So nobody who only knows an e-mail stops its owner:
not at an address where they signed in before, not with a right second factor, and never in a session.
"""

import uuid
from dataclasses import dataclass, field

from resolvers.context import Context
from resolvers.errors import Keep, RateLimited
from storage import attempts, networks
from storage.accounts import Account
from storage.attempts import Counter, LimitReached, Reservation
from storage.clock import now
from storage.ledger import events
from storage.ledger.events import Outcome
from storage.sessions import SubjectKind
from storage.work import UnitOfWork

_WIDER = 4
"""How many times as much a block of addresses may fail as one, and as an address may at accounts that it belongs to."""
_WITH_PROOF = 4
"""How many times as many attempts an address has that bring a second factor along."""
_ADDRESS = "known address"
_NOBODY = uuid.UUID(int=0)


@dataclass
class Attempt:
    """An attempt that was counted. `opaque`: one of the limits is reached, and a right second factor alone passes it.

    An opaque attempt fails in the same words whatever was wrong with it, so that it says nothing about the password.
    """

    context: Context
    account: Account | None = None
    known_address: bool = False
    opaque: bool = False
    own: list[bytes] = field(default_factory=list)
    """The counts that begin again when the attempt was right."""
    reserved: list[Reservation] = field(default_factory=list)
    reached: Counter | None = None
    """The limit that it has reached."""

    @property
    def subject(self) -> uuid.UUID | None:
        """Whom entries of the audit log name."""
        return subject_of(self.account)

    @property
    def limit(self) -> int:
        """How many failures the limit allows that it has reached; 0 where it has reached none."""
        return 0 if self.reached is None else self.reached.limit

    def reserve(self, *counters: Counter) -> None:
        """Count it, in a transaction of its own. Raises LimitReached."""
        store, limits = self.context.house.store, self.context.limits
        if self.context.work.session.in_transaction():
            raise RuntimeError("an attempt is counted before the transaction begins that it leads to")
        with store.begin(self.context.scope()) as work:
            self.reserved += attempts.reserve(work.session, counters, now(), limits.sign_in_window)

    def succeed(self, work: UnitOfWork) -> None:
        """It was right: nothing of it counts, and its own counts begin again."""
        # In the order in which they were counted: two who lock the same rows in another order lock each other out.
        attempts.clear(work.session, self.own)
        attempts.release(work.session, [each for each in self.reserved if each.counter.lookup not in self.own])

    def withdraw(self) -> None:
        """It was no guess, and what it was for is refused: roll that back, and count nothing."""
        self.context.work.session.rollback()
        with self.context.house.store.begin(self.context.scope()) as work:
            attempts.release(work.session, self.reserved)

    def take_back(self, keep: Keep | None = None) -> Keep:
        """It was no guess: `keep` what it leaves, and count nothing."""

        def both(work: UnitOfWork) -> None:
            attempts.release(work.session, self.reserved)
            if keep is not None:
                keep(work)

        return both


def hashed(context: Context, *parts: str) -> bytes:
    """Under what something is counted."""
    return context.house.store.keyring.keyed_hash("attempts", "\n".join(parts))


def at_sign_in(context: Context, email: str, account: Account | None, *, known: bool, with_proof: bool) -> Attempt:
    """Count an attempt at an e-mail, whether or not there is an account. Raises `RateLimited` where it is too many.

    `known`: whether the account has signed in from the caller's address.
    """
    limits, blocks = context.limits, networks.blocks_of(context.asking.ip_address)
    attempt = Attempt(context, account, known_address=known)
    pair = Counter(hashed(context, "pair", email, blocks[0]), limits.sign_in_failures)
    attempt.own.append(pair.lookup)
    most = limits.address_failures * (_WIDER if attempt.known_address else 1)
    counters = [
        Counter(hashed(context, "address", block), most * (_WIDER if number else 1))
        for number, block in enumerate(blocks)
    ]
    # As many statements for either, so that the time says nothing of an account.
    whence = blocks[0] if attempt.known_address else "elsewhere"
    counters.append(Counter(hashed(context, "email", email, whence), limits.account_failures))
    try:
        attempt.reserve(pair, *counters)
    except LimitReached as reached:
        attempt.opaque, attempt.reached = True, reached.counter
        if not with_proof:
            raise refusal(attempt) from None
        beside = Counter(hashed(context, "with proof", blocks[-1]), limits.address_failures * _WITH_PROOF)
        _reserve_or_refuse(attempt, beside)
    return attempt


def at_code(attempt: Attempt, account: Account) -> None:
    """Count a code that somebody sends who has the password. Raises `RateLimited`.

    From all addresses where the account never signed in codes are counted together, from each of the others apart.
    """
    context = attempt.context
    whence = networks.blocks_of(context.asking.ip_address)[0] if attempt.known_address else "elsewhere"
    code = Counter(hashed(context, "code", account.row.id.hex, whence), context.limits.sign_in_failures)
    attempt.own.append(code.lookup)
    _reserve_or_refuse(attempt, code)


def in_session(context: Context, session_id: uuid.UUID, account: Account) -> Attempt:
    """Count an attempt to step up: of its session, and of all sessions of its account. Raises `RateLimited`."""
    attempt, limits = Attempt(context, account), context.limits
    own = Counter(hashed(context, "session", session_id.hex), limits.sign_in_failures)
    attempt.own.append(own.lookup)
    every = Counter(hashed(context, "sessions", account.row.id.hex), limits.account_failures)
    _reserve_or_refuse(attempt, own, every)
    return attempt


def at_registration(context: Context) -> None:
    """Count an attempt to open an account, by the caller's address. Raises `RateLimited`."""
    most = context.limits.registrations
    counters = [
        Counter(hashed(context, "registration", block), most * (_WIDER if number else 1))
        for number, block in enumerate(networks.blocks_of(context.asking.ip_address))
    ]
    try:
        Attempt(context).reserve(*counters)
    except LimitReached:
        seconds = int(context.limits.sign_in_window.total_seconds())
        message = f"Too many accounts were opened from your address. Try again in {seconds // 60} minutes."
        raise RateLimited(message, retry_after=seconds) from None


def at_unknown_emails(context: Context) -> Attempt:
    """Count an e-mail that a caller asks for, which may have no account. Raises LimitReached."""
    attempt = Attempt(context)
    attempt.reserve(Counter(hashed(context, "unknown e-mails", context.caller_id.hex), context.limits.sign_in_failures))
    return attempt


def remember_address(context: Context, kind: SubjectKind, subject: uuid.UUID) -> None:
    """Note that an account has signed in from the caller's address."""
    work = context.work
    attempts.remember(work.session, kind, subject, _lookups(context, subject), work.now)


def refusal(attempt: Attempt) -> RateLimited:
    """What an attempt is told that is too many. That a limit was reached is recorded once in its window."""
    context, reached = attempt.context, attempt.reached

    def keep(work: UnitOfWork) -> None:
        if reached is None:
            return
        once = Counter(hashed(context, "recorded", reached.lookup.hex()), 1)
        try:
            attempts.reserve(work.session, [once], work.now, context.limits.sign_in_window)
        except LimitReached:
            return
        throttled = events.SessionThrottled(resource_id=None, subject_id=attempt.subject, failures=reached.limit)
        work.record(throttled, Outcome.DENIED)

    seconds = int(context.limits.sign_in_window.total_seconds())
    return RateLimited(
        f"Too many failed attempts. Try again in {seconds // 60} minutes. Until then sign in with your second factor as"
        " well, or from a place where you have signed in before.",
        keep=keep,
        retry_after=seconds,
    )


def subject_of(account: Account | None) -> uuid.UUID | None:
    """Whom entries of the audit log name: contributors."""
    return account.row.id if account is not None and account.kind is SubjectKind.CONTRIBUTOR else None


def is_known(context: Context, work: UnitOfWork, account: Account | None) -> bool:
    """Whether the account has signed in from the caller's address. It is looked for in any case, as an account is."""
    subject = _NOBODY if account is None else account.row.id
    return attempts.is_known(work.session, _lookups(context, subject))


def _reserve_or_refuse(attempt: Attempt, *counters: Counter) -> None:
    try:
        attempt.reserve(*counters)
    except LimitReached as reached:
        attempt.reached = reached.counter
        raise refusal(attempt) from None


def _lookups(context: Context, subject: uuid.UUID) -> list[bytes]:
    block = networks.blocks_of(context.asking.ip_address)[0]
    return context.house.store.keyring.keyed_hashes(_ADDRESS, f"{subject.hex}\n{block}")
