"""Which policy is in force: at the start, and from then on as the database says."""

import uuid
from contextlib import suppress

import structlog

from policies import program
from policies.compiled import AT_MOST_BYTES, Policy, hash_of, version_of
from policies.errors import PolicyError
from policies.force import InForce
from policies.workbench import checking
from resolvers.house import PolicySources
from storage import policies, sound
from storage.database import transaction
from storage.ids import new_id
from storage.keys.errors import KeyStoreUnavailable
from storage.ledger.events import Identifier, Outcome, PolicyEntered, PolicyFault, PolicyReloadFailed
from storage.ledger.scope import AuditScope
from storage.policies import Newest, PolicyChange, PolicyOrigin, PolicyOvertaken
from storage.sound import Marks
from storage.work import Store

_ATTEMPTS = 5

log = structlog.get_logger("muniment.policy")


def at_start(store: Store, sources: PolicySources, *, file_wins: bool = False, accepted: str | None = None) -> InForce:
    """The policy that this process begins with.

    The first policy of an installation is the file. From then on the one in force in the database is, and another file
    only where `file_wins` (development), or where `accepted` is its hash: whoever installed it has named it. Raises
    PolicyError for a policy that can't be served, with its findings.

    What is in force already, and this program has found sound before, is not compiled again before it is needed.
    """
    for _ in range(_ATTEMPTS):
        try:
            found = _settled(store, sources, file_wins, accepted)
        except PolicyOvertaken:
            continue  # another process started at the same moment: what it brought into force is there now
        _mark(store, sources, found.policy)
        return found
    raise PolicyError("Other processes keep changing the policy in force: start again in a moment.")


def _settled(store: Store, sources: PolicySources, file_wins: bool, accepted: str | None) -> InForce:
    with transaction(store.engine, read_only=True) as session:
        known = policies.newest(session)
        kept = None if known is None else policies.source_of(session, known.hash)
    if known is None:
        return _entered(store, checking.demand(read(sources), sources.file.name), None, PolicyOrigin.START)
    try:
        content = read(sources)
    except PolicyError:
        if file_wins:
            raise
        content = b""
    if hash_of(content) == known.hash:
        return InForce(_again(store, sources, content), known.number)
    if file_wins or accepted == hash_of(content):
        origin = PolicyOrigin.START if file_wins else PolicyOrigin.ACCEPTED
        return _entered(store, checking.demand(content, sources.file.name), known, origin)
    log.warning("the policy file is not the policy in force", version=version_of(known.hash))
    try:
        return InForce(_again(store, sources, kept or b""), known.number)
    except PolicyError as problem:
        raise PolicyError(
            f"The policy in force ({version_of(known.hash)}) can't be used by this release. If {sources.file.name} is "
            f"meant to take its place, start with MUNIMENT_POLICY_ACCEPTED={hash_of(content)}.\n\n{problem}"
        ) from problem


def read(sources: PolicySources) -> bytes:
    """The policy file as it is now, up to a byte more than is accepted. Raises PolicyError if it can't be read."""
    try:
        with sources.file.open("rb") as file:
            return file.read(AT_MOST_BYTES + 1)
    except OSError as problem:
        raise PolicyError(f"{sources.file}: can't be read") from problem


def _again(store: Store, sources: PolicySources, source: bytes) -> Policy:
    """The policy in force, looked over anew unless this program has done that. Raises PolicyError."""
    marks = _marks(store, sources)
    if marks is not None and marks.is_sound(program.fingerprint(source)):
        return checking.sound(source, sources.file.name)
    return load(source, sources.file.name)


def _mark(store: Store, sources: PolicySources, policy: Policy) -> None:
    """Remember that this program found it sound: whatever comes from here was looked over, now or before."""
    marks, found = _marks(store, sources), program.fingerprint(policy.source.encode())
    if marks is not None and not marks.is_sound(found):
        marks.mark(found)


def _marks(store: Store, sources: PolicySources) -> Marks | None:
    return None if sources.marks is None else Marks(store.keyring, sources.marks)


def load(source: bytes, name: str) -> Policy:
    """A policy that was in force already: what only warns its author does not keep it out. Raises PolicyError."""
    found = checking.check_source(source, name)
    return found.policy if found.policy is not None else checking.demand(source, name)


def bring(store: Store, force: InForce, source: bytes, name: str) -> None:
    """Bring a text into force at once, as development does. Raises PolicyError, and PolicyOvertaken."""
    with transaction(store.engine, read_only=True) as session:
        known = policies.newest(session)
    if known is None or known.hash != hash_of(source):
        force.held = _entered(store, checking.demand(source, name), known, PolicyOrigin.FILE).held


def follow(store: Store, force: InForce, name: str) -> bool:
    """Take over what is in force in the database, if it is another one; whether it was.

    What can't be loaded here is told once, in the log and the trail; this process then keeps the last good policy.
    """
    held = force.held
    with transaction(store.engine, read_only=True) as session:
        known = policies.newest(session)
        if known is None or known.number == held.number or version_of(known.hash) == held.unloadable:
            return False
        source, change = policies.source_of(session, known.hash), policies.change_of(session, known.number)
    try:
        if source is None or hash_of(source) != known.hash:
            raise PolicyError("its text is not in the database")
        mark = None if change is None else change.sound_mark
        policy = checking.sound(source, name) if _is_sound(store, source, mark) else load(source, name)
        force.replace(policy, known.number)
    except PolicyError:
        version = version_of(known.hash)
        log.critical("the policy in force can't be loaded here", version=version, policy_version=held.policy.version)
        record_failure(store, force, version, PolicyFault.MISSING if source is None else PolicyFault.BROKEN)
        force.keep(version)
        return False
    log.info("another policy is in force", version=force.policy.version)
    return True


def sound_mark(store: Store, source: bytes) -> bytes:
    """Return what tells the other processes that this program found the text sound. Raises KeyStoreUnavailable."""
    return sound.mark_of(store.keyring, program.fingerprint(source))


def _is_sound(store: Store, source: bytes, mark: bytes | None) -> bool:
    """Whether the same program found it sound elsewhere. Where nothing says so, it is looked over here: seconds."""
    if mark is not None:
        with suppress(KeyStoreUnavailable):
            if sound.fits(store.keyring, program.fingerprint(source), mark):
                return True
    log.warning("policy.checked_again", version=version_of(hash_of(source)), reason="no mark of this program fits")
    return False


def record_failure(store: Store, force: InForce, version: str | None, reason: PolicyFault) -> None:
    """Raise the alert that a policy can't be used."""
    failed = PolicyReloadFailed(
        resource_id=None, subject_id=None, version=Identifier(version) if version else None, reason=reason
    )
    with store.begin(scope(force.policy)) as work:
        work.record(failed, Outcome.FAILED)


def scope(policy: Policy) -> AuditScope:
    """Of what a process does by itself about its policy."""
    return AuditScope("agent:policy", "AGENT", None, None, None, None, uuid.uuid4(), policy.version)


def _entered(store: Store, policy: Policy, known: Newest | None, origin: PolicyOrigin) -> InForce:
    follows = 0 if known is None else known.number
    with store.begin(scope(policy)) as work:
        policies.keep(work.session, policy.hash, policy.version, policy.source.encode())
        mark = sound_mark(store, policy.source.encode())
        change = PolicyChange(id=new_id(), hash=policy.hash, origin=origin, follows=follows, sound_mark=mark)
        policies.enter(work.session, change)
        work.record(entered(change, known))
    return InForce(policy, follows + 1)


def entered(change: PolicyChange, known: Newest | None) -> PolicyEntered:
    """The event that `change` is in force."""
    return PolicyEntered(
        resource_id=change.id,
        subject_id=None,
        version=Identifier(version_of(change.hash)),
        follows=None if known is None else Identifier(version_of(known.hash)),
        origin=change.origin,
    )
