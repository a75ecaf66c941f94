"""What each component may do with every table in PostgreSQL, as a GRANT says it.

Columns are named in tables that decide who may do what, or prove what was done. Both components read every table: both
take backups and rotate keys. The rights that a rotation needs besides are added by `privileges.granted`.
"""

from dataclasses import dataclass

READ = "SELECT"
ADD = "SELECT, INSERT"
ALL = "SELECT, INSERT, UPDATE, DELETE"


@dataclass(frozen=True)
class Rights:
    """What the API and the agents may do with a table, and why not all of it."""

    api: str
    agents: str
    why: str


_WORK = "contributors make and change their work; the agents make outputs, and remove what is deleted"
_SEARCH = "words to search by are written and removed with what they were found in"
_ENTRY = "entries are added and never changed; the agents remove what the archive holds"
_LOG = "the agents sequence, publish and deliver; everybody else reads"
_STAFF = "who works here, and as what, is decided by people; the agents remove nothing but what has ended"
_SIGN_IN = "people sign in through the API; the agents end what intrusion detection finds, and remove what has ended"
_REVIEWS = "the agents prepare reviews of access and end them in time; people decide"
_GRANTS = "people ask, consent and decide; the agents end a grant in time"
_HOLDS = "people place, approve and release a hold; the agents remove what an erased account leaves"
_DELETIONS = "people ask; the agents destroy, and write down what was destroyed. No deletion is forgotten"
_INCIDENTS = "the agents open incidents and end access; people decide. No incident is removed"
_FOUND = "the agents run the checks of controls, the API finds that the agents are gone; nothing found is removed"
_FOLLOWED = "people say what is to be done after an incident, and it is never taken back; the agents look what is late"
_LOCKED = "people lock the platform down and open it; the agents note when its time was up"
_CHANGES = "people register and approve changes; what began to run is noted at each start, and never taken back"
_POLICY = "the policy comes into force through the API, by two people"
_SERVICES = "people approve services; each process enters what runs inside it; none is removed"
_NOTICES = "people write notices; the agents spread and deliver them"
_PROVIDERS = "the agents alone send content to providers of models, and ask for its deletion"
_LOOPS = "the agents' own loops go by it; everybody else reads"
_CHOICES = "people choose; the agents enter what they are to know, and remove what an erased account leaves"

TABLES = {
    "access_grants": Rights(
        "SELECT, INSERT, UPDATE (decided_at, decided_by, ended_at, review_note, reviewed_at, reviewed_by, status,"
        " verdict)",
        "SELECT, UPDATE (ended_at, status), DELETE",
        _GRANTS,
    ),
    "access_review_items": Rights(
        "SELECT, INSERT, UPDATE (decided_at, decided_by, ended_at, note, status)",
        "SELECT, INSERT, UPDATE (decided_at, ended_at, note, status, told_at), DELETE",
        _REVIEWS,
    ),
    "access_reviews": Rights("SELECT, INSERT, UPDATE (closed_at)", "SELECT, INSERT, UPDATE (closed_at)", _REVIEWS),
    "api_keys": Rights(
        "SELECT, INSERT, UPDATE (exports_held_at, last_used_at, name, networks, revoked_at, secret_digest,"
        " suspended_at, throttled_until)",
        "SELECT, UPDATE (exports_held_at, revoked_at, suspended_at, throttled_until), DELETE",
        _SIGN_IN,
    ),
    "appointments": Rights(
        "SELECT, INSERT, UPDATE (decided_at, decided_by, email, password_hash, status)", READ, _STAFF
    ),
    "asset_words": Rights("SELECT, INSERT, DELETE", "SELECT, INSERT, DELETE", _SEARCH),
    "assets": Rights("SELECT, INSERT, UPDATE", ALL, _WORK),
    "audit_checkpoints": Rights(READ, ADD, _LOG),
    "audit_deliveries": Rights(READ, "SELECT, INSERT, UPDATE (next_index)", _LOG),
    "audit_events": Rights(ADD, ADD, _ENTRY),
    "audit_lease": Rights(READ, ALL, _LOG),
    "audit_pending": Rights(ADD, "SELECT, INSERT, DELETE", _ENTRY),
    "audit_personal": Rights(ADD, ALL, "the agents forget who it was, and forget it whole"),
    "audit_sequence": Rights(READ, ADD, _LOG),
    "audit_tiles": Rights(READ, "SELECT, INSERT, UPDATE (hashes)", _LOG),
    "blobs": Rights(ADD, ALL, _WORK),
    "changes": Rights("SELECT, INSERT, UPDATE (decided_at, decided_by, note, status)", READ, _CHANGES),
    "consents": Rights(ADD, "SELECT, INSERT, DELETE", _CHOICES),
    "contributors": Rights(
        "SELECT, INSERT, UPDATE", "SELECT, UPDATE (email_refused_at, status), DELETE", "accounts are people's own"
    ),
    "deletion_receipts": Rights(ADD, "SELECT, INSERT, UPDATE (salt), DELETE", _DELETIONS),
    "deletions": Rights(
        "SELECT, INSERT, UPDATE (deferred_at, status)",
        "SELECT, INSERT, UPDATE (addendum, addendum_at, bytes_destroyed, certificate, copies, deferred_at, destroyed,"
        " finished_at, keys_destroyed_at, keysets_destroyed, object_id, owner_id, remaining, status)",
        _DELETIONS,
    ),
    "deployments": Rights("SELECT, INSERT, UPDATE (last_began_at)", "SELECT, INSERT, UPDATE (last_began_at)", _CHANGES),
    "exports": Rights("SELECT, INSERT, UPDATE", "SELECT, UPDATE, DELETE", _WORK),
    "federated_identities": Rights(
        "SELECT, INSERT, UPDATE (newest_token_at, throttled_until, tokens_refused_until), DELETE",
        "SELECT, UPDATE (throttled_until, tokens_refused_until), DELETE",
        _SIGN_IN,
    ),
    "findings": Rights(
        "SELECT, INSERT, UPDATE (acceptance, accepted_at, accepted_by, accepted_until, amiss, closed_at, last_seen_at,"
        " status)",
        "SELECT, INSERT, UPDATE (amiss, closed_at, last_seen_at, status)",
        _FOUND,
    ),
    "follow_ups": Rights(
        "SELECT, INSERT, UPDATE (done_at, notes, owner_id, status, verified_at, verified_by)", READ, _FOLLOWED
    ),
    "idempotent_answers": Rights(ALL, "SELECT, DELETE", "the API repeats answers; the agents remove what has ended"),
    "incidents": Rights(
        "SELECT, INSERT, UPDATE (acknowledged_at, acknowledged_by, closed_at, contained_at, decided_at, decided_by,"
        " impact, impacts, no_follow_ups, notice, notice_approved_by, notice_drafted_at, notice_drafted_by,"
        " notice_sent_at, notified, recovered_at, reviewed_at, root_cause, status, words)",
        "SELECT, INSERT, UPDATE (actor_id, alerted_at, contained_at, escalations, grants_ended, hits, keys_held,"
        " keys_suspended, sessions_ended, sessions_held, status)",
        _INCIDENTS,
    ),
    "investigations": Rights(
        "SELECT, INSERT, UPDATE (ended_at, status)",
        "SELECT, UPDATE (ended_at, person_id, released_at, status), DELETE",
        "people open and end investigations; the agents end them in time, and forget them with the audit log",
    ),
    "known_addresses": Rights("SELECT, INSERT, UPDATE (used_at), DELETE", "SELECT, DELETE", _SIGN_IN),
    "legal_holds": Rights(
        "SELECT, INSERT, UPDATE (approved_at, approved_by, released_at, released_by, status)", "SELECT, DELETE", _HOLDS
    ),
    "lockdowns": Rights(
        "SELECT, INSERT, UPDATE (ended_at, ended_by, status)", "SELECT, UPDATE (ended_at, ended_by, status)", _LOCKED
    ),
    "notice_settings": Rights("SELECT, INSERT, UPDATE", "SELECT, DELETE", _NOTICES),
    "notices": Rights("SELECT, INSERT, UPDATE", ALL, _NOTICES),
    "outage_watches": Rights(READ, "SELECT, INSERT, UPDATE", _LOOPS),
    "outages": Rights(
        "SELECT, INSERT, UPDATE (announced_at, announced_by, cause, ended_at, explained_by, last_seen_at, started_at)",
        "SELECT, INSERT, UPDATE (ended_at, last_seen_at, started_at)",
        "what was told of an outage is never taken back",
    ),
    "outputs": Rights(READ, ALL, _WORK),
    "passkey_challenges": Rights("SELECT, INSERT, DELETE", "SELECT, DELETE", _SIGN_IN),
    "passkeys": Rights(
        "SELECT, INSERT, UPDATE (copied_at, last_used_at, sign_count), DELETE", "SELECT, DELETE", _SIGN_IN
    ),
    "policy_changes": Rights("SELECT, INSERT, UPDATE (confirmed_by, in_force_at, number, sound_mark)", READ, _POLICY),
    "policy_versions": Rights(ADD, READ, _POLICY),
    "privacy_preferences": Rights(
        "SELECT, INSERT, UPDATE",
        "SELECT, INSERT, UPDATE (strip_metadata, style_learning, updated_at), DELETE",
        _CHOICES,
    ),
    "project_members": Rights(
        "SELECT, INSERT, DELETE", "SELECT, DELETE", "owners let others in; the agents let nobody in"
    ),
    "projects": Rights("SELECT, INSERT, UPDATE", ALL, _WORK),
    "prompt_assets": Rights(ADD, "SELECT, INSERT, DELETE", _WORK),
    "prompt_steps": Rights(READ, ALL, _WORK),
    "prompt_words": Rights("SELECT, INSERT, DELETE", "SELECT, INSERT, DELETE", _SEARCH),
    "prompts": Rights("SELECT, INSERT, UPDATE", ALL, _WORK),
    "provider_calls": Rights(READ, ALL, _PROVIDERS),
    "provider_copies": Rights(READ, ALL, _PROVIDERS),
    "provider_recalls": Rights(READ, ALL, _PROVIDERS),
    "published_notices": Rights(ADD, ADD, _NOTICES),
    "quotas": Rights(
        "SELECT, INSERT, UPDATE",
        "SELECT, INSERT, UPDATE (byte_size, files), DELETE",
        "people grant room; the agents count what is used",
    ),
    "recovery_codes": Rights("SELECT, INSERT, UPDATE (used_at), DELETE", "SELECT, DELETE", _SIGN_IN),
    "retention_settings": Rights("SELECT, INSERT, UPDATE", ALL, _CHOICES),
    "retention_sweeps": Rights(READ, "SELECT, INSERT, UPDATE", _LOOPS),
    "rights_requests": Rights(
        "SELECT, INSERT, UPDATE (answer, answered_at, answered_by, status)",
        "SELECT, DELETE",
        "people ask and people answer; the agents remove what an erased account leaves",
    ),
    "role_assignments": Rights(
        "SELECT, INSERT, DELETE",
        "SELECT, DELETE",
        "jobs are given by people; the agents take what nobody has confirmed when an access review is due",
    ),
    "second_factors": Rights(
        "SELECT, INSERT, UPDATE (confirmed_at, last_step, secret), DELETE", "SELECT, DELETE", _SIGN_IN
    ),
    "sentinel_marks": Rights(READ, "SELECT, INSERT, UPDATE", _LOOPS),
    "services": Rights(
        "SELECT, INSERT, UPDATE (approved_at, approved_by, assessed_at, assessed_by, assessment, assessment_expires_at,"
        " assurance, assurance_expires_at, effective_at, retired_at, risk, status)",
        "SELECT, INSERT, UPDATE (retired_at, status)",
        _SERVICES,
    ),
    "sessions": Rights(
        "SELECT, INSERT, UPDATE (exports_held_at, revoked_at, second_factor_at, stepped_up_until, throttled_until)",
        "SELECT, UPDATE (exports_held_at, revoked_at, stepped_up_until, throttled_until), DELETE",
        _SIGN_IN,
    ),
    "set_aside_items": Rights(READ, ALL, _LOOPS),
    "sign_in_throttles": Rights(
        "SELECT, INSERT, UPDATE (failures, window_started_at), DELETE", "SELECT, DELETE", _SIGN_IN
    ),
    "staff_members": Rights(ALL, READ, _STAFF),
    "style_profiles": Rights("SELECT, UPDATE, DELETE", ALL, _CHOICES),
}
"""Every table by name. What the owner of the tables does is not limited by this: no server is to run as the owner."""

_QUEUED = "the API queues runs; the agents take them up, end and remove them"
_UNUSED = "our runs write nothing there; the agents remove what should not be there"
_AGENTS = "the agents alone say which queues and versions there are"
_LAID_OUT = "the owner lays the tables out"

QUEUE = {
    "workflow_status": Rights("SELECT, INSERT, UPDATE (creator_xid)", ALL, _QUEUED),
    "workflow_input": Rights(ADD, "SELECT, INSERT, DELETE", _QUEUED),
    "workflow_output": Rights("", ALL, _QUEUED),
    "operation_outputs": Rights("", "SELECT, DELETE", _UNUSED),
    "notifications": Rights("", "SELECT, DELETE", _UNUSED),
    "workflow_events": Rights("", "SELECT, DELETE", _UNUSED),
    "workflow_events_history": Rights("", "SELECT, DELETE", _UNUSED),
    "streams": Rights("", "SELECT, DELETE", _UNUSED),
    "workflow_schedules": Rights("", READ, _UNUSED),
    "event_dispatch_kv": Rights("", READ, _UNUSED),
    "queues": Rights("", "SELECT, INSERT, UPDATE", _AGENTS),
    "application_versions": Rights("", "SELECT, INSERT, UPDATE", _AGENTS),
    "dbos_migrations": Rights(READ, READ, _LAID_OUT),
}
"""The tables of the queue by name: none is granted that is not named. No right on functions or sequences is needed."""
