"""Where rows are reached past the door, each place with its reason. A place that is no longer there is taken out.

A new line here is a decision about security: it needs a reason that a reviewer of the policy would accept.
"""

from tests.contract.doors import access_reviews, attempts, erasures, imports, loops, passkeys, processes, quotas, staff
from tests.contract.doors.standing import STANDING

_BEFORE = "who is asking is only being found out: there is no principal yet"
_FACTOR = "what proves who is calling, of the account whose session asks or whose password was just right"
_LEAVING = "of a member of staff whose jobs or account end: on the command line, or after the door was asked"
_OWN = "the asking session is looked up by the id or token that it just proved to have"
_NAMED = "an e-mail is looked up by its keyed hash; the answer never says more than docs/errors tells"
_UNIQUE = "writes what the use case made; reads nothing but whether a unique value is taken"
_AGENT = "the agent's own bookkeeping of its run; content it opens comes through the door"
_ERASING = "what is destroyed must be found whether or not anybody may still see it; nothing is opened"
_HELD = "what is kept must be found whether or not whoever keeps it may see it; they are not shown it"
_DUE = "counts and finds by age, of the account or project that the door gave out; each thing that goes is asked for"
_COUNTED = "counts what the archive must hold, so that a door that let less through is noticed"
_REGISTER = "the register of services is about nobody, and what is approved in it everybody may read"
_SENTINEL = "the sentinel reads ids, times and codes, opens nothing, and acts on credentials"
_LEASE_HOLDERS = "agents/ledger/courier.py agents/ledger/sequencer.py agents/sentinel/watching.py"
_TOLD = "finds whom an investigation must be told to; the caller is not shown them"
_OWN_COUNT = "counts what the caller has asked for, of their own account, which the door has just given out"
_LOG = "the log holds hashes and is everybody's to read"
_GATHERED = ("resolvers/populations.py", _LOG)
_ASKED = "of a row that the door has just given out"
_AGAIN = "what this very caller was answered before, under a keyed hash of who they are and of their key"
_KEYS = "on the command line of whoever holds the keys; seals anew and shows nothing"
_POLICY = "the policy in force and its proposals: rules of the house, not anybody's data; who may is asked first"
_RELOADING = ("resolvers/policies/reloading.py", _POLICY)
_ABOUT = "staff whom the policy lets explain for others; facts of rows they may not read are left out"
_CHECKED = "a check of a control: counts what is not as it should be, names nobody and shows no row"
_RECOUNTED = "counts again what the door has just let through, so that what it kept back shows; shows no row"
_HOUSE = "opens, checks and closes the house; no caller is there"
_WRITING = "agents/generation/variations.py"
_BENCH = "on the command line of whoever may open the database anyway; shows no content"
_KEPT = "on the command line, or on schedule, of whoever keeps the server; rows go in and out as they lie, sealed"

SIDE_DOORS: dict[str, tuple[str, str]] = {
    **access_reviews.SIDE_DOORS,
    **attempts.SIDE_DOORS,
    **erasures.SIDE_DOORS,
    **imports.SIDE_DOORS,
    **loops.SIDE_DOORS,
    **passkeys.SIDE_DOORS,
    **processes.SIDE_DOORS,
    **quotas.SIDE_DOORS,
    **staff.SIDE_DOORS,
    "storage.accounts.account_by_email": (
        "resolvers/contributors.py resolvers/projects.py resolvers/quotas.py resolvers/sessions.py resolvers/staff.py "
        "muniment/imports.py",
        _NAMED,
    ),
    "storage.accounts.account_of": (
        "resolvers/appointments.py resolvers/factors.py resolvers/policies/explaining.py resolvers/sessions.py "
        "resolvers/staff.py",
        f"{_OWN}; {_ABOUT}; {_LEAVING}",
    ),
    "storage.accounts.add_account": ("resolvers/contributors.py resolvers/staff.py", _UNIQUE),
    "storage.accounts.add_unique": (
        "agents/retention/sweeping.py resolvers/access_reviews/campaigns.py resolvers/deletions.py "
        "resolvers/federation.py",
        _UNIQUE,
    ),
    "storage.accounts.move_account": ("resolvers/rights.py", _UNIQUE),
    "storage.accounts.may_be_analysed": ("resolvers/identity.py", _BEFORE),
    "storage.notices.counts": ("resolvers/notices.py", _ASKED),
    "storage.notices.delivered": ("agents/notices/delivering.py", _AGENT),
    "storage.notices.not_told": (
        "agents/notices/spreading.py",
        "finds whom a published text concerns; whoever published it is not shown them",
    ),
    "storage.notices.owner_of": ("agents/notices/delivering.py", _AGENT),
    "storage.notices.published": ("agents/notices/spreading.py", _AGENT),
    "storage.notices.told_of": ("agents/notices/affected.py", _AGENT),
    "storage.notices.settings_for": ("resolvers/notices.py", _OWN),
    "storage.accounts.live_api_key": ("resolvers/identity.py", _BEFORE),
    "storage.accounts.live_api_key_by_id": (
        "resolvers/identity.py resolvers/policies/explaining.py",
        f"{_BEFORE}; {_ABOUT}",
    ),
    "storage.accounts.live_session": ("resolvers/identity.py", _BEFORE),
    "storage.accounts.signed_in": ("resolvers/identity.py", _BEFORE),
    "storage.accounts.live_session_by_id": (
        "resolvers/deletions.py resolvers/factors.py resolvers/identity.py resolvers/sessions.py",
        _OWN,
    ),
    "storage.accounts.receipt_owner": ("resolvers/identity.py", _BEFORE),
    "storage.accounts.revoke_api_keys": ("resolvers/deletions.py", _ASKED),
    "storage.accounts.revoke_sessions": (
        "resolvers/deletions.py resolvers/factors.py resolvers/passkeys.py resolvers/sessions.py resolvers/staff.py",
        f"{_OWN}; {_LEAVING}",
    ),
    "storage.accounts.roles_of": (
        "resolvers/identity.py resolvers/policies/explaining.py resolvers/sessions.py",
        f"{_BEFORE}; {_ABOUT}",
    ),
    "storage.accounts.touch_api_key": ("resolvers/identity.py", _BEFORE),
    "storage.archives.proving.proven": ("agents/exports/contents.py", _ASKED),
    "storage.archives.sources.count": ("agents/exports/contents.py", _COUNTED),
    "storage.archives.sources.count_events": ("agents/exports/contents.py", _COUNTED),
    "storage.archives.sources.expected_bytes": ("agents/exports/building.py", _COUNTED),
    "storage.archives.sources.take_snapshot": ("agents/exports/building.py", _AGENT),
    "storage.archives.restoring.is_finished": ("agents/imports/taking.py", _AGENT),
    "storage.archives.restoring.there": ("agents/imports/taking.py", _AGENT),
    "storage.assets.adopt_thumbnail": ("agents/thumbnails.py", _AGENT),
    "storage.assets.lock_awaiting": ("resolvers/uploads.py", _ASKED),
    "storage.assets.wait_for_upload": ("resolvers/resumable_uploads.py", _ASKED),
    "storage.assets.owner_without_thumbnail": ("agents/thumbnails.py", _AGENT),
    "storage.contributors.strips_metadata": (
        "resolvers/uploads.py muniment/imports.py",
        "the owner's wish, which their file is treated by",
    ),
    "storage.database.transaction": (
        "agents/access_reviews.py agents/loops.py agents/sentinel/acting.py muniment/crew.py muniment/drills.py "
        "muniment/loop_metrics.py agents/egress.py agents/erasures/destroying.py agents/erasures/reducing.py agents/erasures/resuming.py "
        "agents/erasures/recalling.py agents/erasures/verifying.py "
        "agents/exports/announcing.py agents/exports/building.py agents/exports/expiring.py agents/generation/__init__.py "
        "agents/ledger/ageing.py agents/ledger/checking.py agents/ledger/courier.py agents/ledger/sequencer.py "
        "agents/notices/affected.py "
        "agents/notices/delivering.py agents/notices/spreading.py agents/outages.py agents/retention/sweeping.py "
        "agents/sentinel/drilling.py agents/sentinel/watching.py "
        "agents/thumbnails.py muniment/auditing.py muniment/bypasses.py muniment/cli_changes.py "
        "muniment/cli_policy/given.py muniment/controls.py muniment/incident_metrics.py muniment/key_checks.py "
        "muniment/quotas.py "
        "resolvers/identity.py resolvers/ledger.py resolvers/lockdowns/deciding.py resolvers/outages.py "
        "resolvers/policies/standing.py resolvers/services.py muniment/imports.py",
        "a transaction without a principal: what is done in it stands in this list by itself",
    ),
    "storage.bells.hung": ("muniment/house.py", _HOUSE),
    "storage.damages.of_file": (
        "agents/exports/contents.py resolvers/context.py",
        "whose a file is that does not open, for the trail; whoever came upon it is not told",
    ),
    "storage.database.clock_of": ("agents/outages.py muniment/readiness.py", _HOUSE),
    "storage.database.reach_of": ("muniment/house.py", _HOUSE),
    "storage.database.require_kept": ("muniment/readiness.py", _HOUSE),
    "storage.lost_keysets.find_lost": ("muniment/key_checks.py", _HOUSE),
    "storage.controls.findings.is_accepted": ("muniment/key_checks.py", _HOUSE),
    "storage.open_databases.OpenDatabases": ("muniment/controls.py muniment/doctor.py", _HOUSE),
    "storage.bypasses.since": ("muniment/bypasses.py", _CHECKED),
    "storage.controls.findings.keep": ("resolvers/controls.py", _CHECKED),
    "storage.controls.findings.lock": ("resolvers/controls.py", _ASKED),
    "storage.controls.findings.last_run": ("muniment/controls.py", _CHECKED),
    "storage.controls.measures.measure": ("muniment/controls.py", _CHECKED),
    "storage.backups.restoring.data": ("muniment/restores.py", _KEPT),
    "storage.backups.taking.data": ("muniment/backups.py", _KEPT),
    "storage.database.open_engine": (
        "muniment/cli.py muniment/cli_policy/given.py muniment/house.py muniment/restores.py",
        _HOUSE,
    ),
    **{f"storage.populations.gathering.{each}": _GATHERED for each in ("checkpoints", "facts", "missing_places")},
    "storage.populations.gathering.counted": ("resolvers/populations.py", _RECOUNTED),
    "storage.deletions.erased": ("agents/erasures/resuming.py", _ERASING),
    "storage.deletions.forget_receipts": ("agents/erasures/resuming.py", _ERASING),
    "storage.deletions.keep_salt": ("agents/erasures/verifying.py", _ERASING),
    "storage.deletions.salt_of": ("resolvers/deletions.py", _ASKED),
    "storage.factors.in_force": ("resolvers/factors.py resolvers/federation.py", _FACTOR),
    "storage.factors.forget_app": ("resolvers/factors.py", _FACTOR),
    "storage.factors.forget": ("resolvers/factors.py resolvers/staff.py", _FACTOR),
    "storage.factors.take": ("resolvers/factors.py", _FACTOR),
    "storage.factors.take_code": ("resolvers/factors.py", _FACTOR),
    "storage.factors.unused_codes": ("resolvers/factors.py resolvers/passkeys.py", _FACTOR),
    "storage.factors.waiting": ("resolvers/factors.py", _FACTOR),
    "storage.grants.awaits_review": (
        "resolvers/grants.py",
        "whether somebody's last access was looked at; tells no more",
    ),
    "storage.grants.end_of": ("resolvers/grants.py", _LEAVING),
    "storage.federation.by_id": ("resolvers/identity.py", _BEFORE),
    "storage.federation.by_name": ("resolvers/federation.py resolvers/identity.py", f"{_BEFORE}; {_FACTOR}"),
    "storage.federation.forget": ("resolvers/federation.py resolvers/staff.py", f"{_FACTOR}; {_LEAVING}"),
    "storage.federation.of_account": ("resolvers/federation.py", _FACTOR),
    "storage.exports.advance": ("agents/exports/building.py", _AGENT),
    "storage.exports.due": ("agents/exports/expiring.py", _AGENT),
    "storage.exports.expire": ("agents/exports/expiring.py", _AGENT),
    "storage.exports.fail": ("agents/exports/building.py", _AGENT),
    "storage.exports.is_waited_for": ("agents/exports/building.py", _AGENT),
    "storage.exports.notified": ("agents/exports/announcing.py", _AGENT),
    "storage.exports.owner_of": ("agents/exports/announcing.py agents/exports/building.py", _AGENT),
    "storage.exports.publish": ("agents/exports/building.py", _AGENT),
    "storage.exports.requested_since": ("resolvers/exports.py", _OWN_COUNT),
    "storage.exports.start": ("agents/exports/building.py", _AGENT),
    "storage.holdings.file_bytes": ("resolvers/holdings.py", _OWN_COUNT),
    "storage.holdings.held": ("resolvers/holdings.py", _OWN_COUNT),
    "storage.holdings.store_of": ("resolvers/holdings.py", "says which kind of database this is"),
    "storage.incidents.advance": ("agents/sentinel/watching.py", _LOG),
    "storage.incidents.end_drill": ("agents/sentinel/drilling.py", _SENTINEL),
    "storage.incidents.lock": ("resolvers/incidents.py", _ASKED),
    "storage.incidents.open_about": ("agents/sentinel/acting.py agents/sentinel/drilling.py", _SENTINEL),
    "storage.incidents.sent": ("agents/notices/affected.py", _AGENT),
    "storage.incidents.unacknowledged": ("agents/sentinel/acting.py", _SENTINEL),
    "storage.ledger.affected.affected": (
        "agents/notices/affected.py agents/sentinel/drilling.py resolvers/incidents.py",
        "ids of contributors, for whoever handles an incident that the door gave out",
    ),
    "storage.ledger.affected.of_person": ("agents/notices/affected.py", _AGENT),
    "storage.measures.carry_out": ("agents/sentinel/acting.py", _SENTINEL),
    "storage.measures.lift": ("resolvers/incidents.py", _ASKED),
    "storage.measures.release_exports": ("resolvers/sessions.py", "of whoever has just proven who they are"),
    **STANDING,
    **loops.SIDE_DOORS,
    "storage.services.anybody_to_tell": ("resolvers/services.py", "whether there is any account; says no more"),
    "storage.services.at": ("resolvers/notices.py resolvers/services.py", _REGISTER),
    "storage.services.everything": ("resolvers/services.py", _REGISTER),
    "storage.services.examine": ("agents/egress.py resolvers/services.py", "says yes or why not; shows nobody a row"),
    "storage.services.lock": ("resolvers/services.py", _ASKED),
    "storage.services.published": ("resolvers/services.py", _REGISTER),
    "storage.investigations.expire": ("agents/ledger/ageing.py", _AGENT),
    "storage.investigations.forget": ("agents/ledger/ageing.py", _AGENT),
    "storage.investigations.live": ("resolvers/investigations.py", "asks the clock too, of entries the door gave out"),
    "storage.investigations.release": ("agents/ledger/ageing.py", _AGENT),
    "storage.ledger.archiving.first_kept": ("agents/ledger/ageing.py", _LOG),
    "storage.ledger.archiving.prune": ("agents/ledger/ageing.py", _LOG),
    "storage.ledger.archiving.ripe": ("agents/ledger/ageing.py", _LOG),
    "storage.ledger.deliveries.acknowledged": ("agents/ledger/courier.py", _LOG),
    "storage.ledger.deliveries.next_index": ("agents/ledger/courier.py", _LOG),
    "storage.ledger.feeds.entries": ("agents/ledger/courier.py muniment/auditing.py resolvers/ledger.py", _LOG),
    "storage.ledger.feeds.published_size": ("agents/ledger/courier.py", _LOG),
    "storage.ledger.copies.write_copy": ("muniment/auditing.py", _LOG),
    **{
        f"storage.ledger.log_check.{it}": ("agents/ledger/checking.py", _LOG)
        for it in ("check_archived", "check_bundles", "check_published", "check_strays", "first_bundle", "size_of")
    },
    "storage.ledger.log_check.check_newest": ("muniment/doctor.py", _LOG),
    "storage.ledger.publishing.check": ("agents/ledger/sequencer.py", _LOG),
    "storage.ledger.publishing.enter": ("agents/ledger/sequencer.py", _LOG),
    "storage.ledger.reconciling.gaps": ("muniment/auditing.py", "counts records and entries; opens and names nothing"),
    **{f"storage.ledger.sequencing.{it}": (_LEASE_HOLDERS, _LOG) for it in ("claim", "release")},
    **{f"storage.ledger.sequencing.{it}": ("agents/ledger/sequencer.py", _LOG) for it in ("is_behind", "sequence")},
    "storage.ledger.sequencing.waits_since": ("agents/outages.py", _LOG),
    "storage.ledger.trail.anonymise": ("agents/ledger/ageing.py", _ERASING),
    "storage.ledger.trail.call_behind": ("agents/runtime.py", "a random number, by which one call's entries are found"),
    "storage.ledger.trail.last_details": ("muniment/safeguards.py", _HOUSE),
    "storage.ledger.trail.people_of": ("resolvers/investigations.py", _TOLD),
    "storage.ledger.trail.remembered": ("agents/erasures/reducing.py resolvers/investigations.py", _TOLD),
    "storage.ledger.trail.personal_of": ("resolvers/audit.py", _ASKED),
    "storage.ledger.tree.Tree": ("agents/ledger/ageing.py agents/ledger/sequencer.py resolvers/ledger.py", _LOG),
    "storage.ledger.tree.newest": (
        "agents/erasures/verifying.py agents/exports/building.py agents/ledger/ageing.py agents/ledger/sequencer.py "
        "resolvers/ledger.py",
        _LOG,
    ),
    "storage.grants.end_all": ("resolvers/deletions.py", _ASKED),
    "storage.grants.lock": ("resolvers/grants.py", _ASKED),
    "storage.grants.used": ("resolvers/context.py", "names the grant in the trail, once rows came through the door"),
    "storage.idempotency.add": ("resolvers/idempotency.py", _UNIQUE),
    "storage.idempotency.alone": ("resolvers/idempotency.py", "a lock; reads nothing"),
    "storage.idempotency.forget": ("agents/erasures/resuming.py", _ERASING),
    "storage.legal_holds.defer": (
        "agents/erasures/destroying.py resolvers/deletions.py resolvers/legal_holds.py",
        _HELD,
    ),
    "storage.legal_holds.deferred": ("agents/erasures/resuming.py", _ERASING),
    "storage.legal_holds.is_let_go": ("resolvers/prompts.py", _ASKED),
    "storage.legal_holds.keeps": (
        "agents/erasures/destroying.py agents/retention/sweeping.py resolvers/deletions.py resolvers/legal_holds.py",
        _HELD,
    ),
    "storage.legal_holds.lock": ("resolvers/legal_holds.py", _ASKED),
    "storage.legal_holds.met": ("resolvers/legal_holds.py", _HELD),
    "storage.legal_holds.ties": ("resolvers/legal_holds.py", _HELD),
    "storage.idempotency.under_keys": ("resolvers/idempotency.py", _AGAIN),
    "storage.migrations.upgrade": ("muniment/cli.py muniment/house.py", _HOUSE),
    "storage.pairing.demand_pair": ("muniment/house.py", _HOUSE),
    **{f"storage.provider_copies.{each}": (_WRITING, _AGENT) for each in ("answered", "name", "note")},
    "storage.rights.lock_open": ("resolvers/rights.py", _ASKED),
    "storage.rights.open_of": ("resolvers/rights.py", _OWN_COUNT),
    "storage.rotations.overdue": ("resolvers/keys.py", _KEYS),
    "storage.rotations.is_passing": ("resolvers/keys.py", _KEYS),
    "storage.rotations.rotate_kek": ("resolvers/keys.py", _KEYS),
    "storage.rotations.rotate_keysets": ("resolvers/keys.py", _KEYS),
    "storage.rotations.rotate_lookups": ("resolvers/keys.py", _KEYS),
    "storage.rotations.rotate_sessions": ("resolvers/keys.py", _KEYS),
    "storage.rotations.rotate_signing": ("resolvers/keys.py", _KEYS),
    "storage.projects.find_member": ("resolvers/projects.py", _ASKED),
    "storage.policies.are_kept": ("muniment/doctor.py", _POLICY),
    "storage.policies.before": ("resolvers/policies/reloading.py", _POLICY),
    "storage.policies.change_of": ("resolvers/policies/standing.py", _POLICY),
    "storage.policies.enter": ("resolvers/policies/reloading.py resolvers/policies/standing.py", _POLICY),
    "storage.policies.keep": ("resolvers/policies/reloading.py resolvers/policies/standing.py", _POLICY),
    "storage.policies.newest": (
        "muniment/doctor.py resolvers/policies/reloading.py resolvers/policies/standing.py",
        _POLICY,
    ),
    **{f"storage.policies.{it}": _RELOADING for it in ("proposal", "propose", "waiting")},
    "storage.policies.source_of": ("resolvers/policies/reloading.py resolvers/policies/standing.py", _POLICY),
    "storage.queue.close_queue_engine": ("agents/runtime.py", _HOUSE),
    "storage.queue.open_queue_engine": ("agents/runtime.py", _HOUSE),
    "storage.queue.prepare": ("muniment/cli.py muniment/house.py", _HOUSE),
    "storage.residues.count": ("agents/erasures/verifying.py", _ERASING),
    "storage.residues.dialect": ("agents/erasures/verifying.py", _ERASING),
    "storage.residues.staying": ("agents/erasures/verifying.py", _ERASING),
    "storage.retention.due.announce": ("agents/retention/sweeping.py", _DUE),
    "storage.retention.due.choices": ("agents/retention/sweeping.py resolvers/retention.py", _DUE),
    "storage.retention.due.going": ("agents/retention/sweeping.py resolvers/retention.py", _DUE),
    "storage.retention.due.is_active": ("agents/retention/sweeping.py", _DUE),
    "storage.retention.due.still_holds": ("agents/retention/sweeping.py", _DUE),
    "storage.retention.settings.choose": ("resolvers/retention.py", _ASKED),
    "storage.retention.settings.note_sweep": ("agents/retention/sweeping.py", _AGENT),
    "storage.retention.settings.swept_at": ("agents/retention/sweeping.py", _AGENT),
    "storage.runs.all_active": ("agents/generation/running.py", _AGENT),
    "storage.runs.assignment": ("agents/generation/__init__.py", _AGENT),
    "storage.runs.begin_step": ("agents/generation/running.py agents/generation/variations.py", _AGENT),
    "storage.runs.claim": ("agents/generation/running.py", _AGENT),
    "storage.runs.forget_style": (
        "agents/generation/running.py resolvers/preferences.py resolvers/styles.py",
        _ERASING,
    ),
    "storage.runs.steps": ("agents/generation/running.py", _AGENT),
    "storage.runs.style_profile": ("agents/generation/running.py", _AGENT),
    "storage.scrubbing.scrub": (
        "muniment/restores.py muniment/scrubs.py",
        "tries whether everything opens, and shows nothing of it",
    ),
    "storage.search.indexes.index": (
        "agents/imports/taking.py resolvers/assets.py",
        "writes the words of what the use case has just sealed; reads nothing",
    ),
    "storage.truncation.truncate_wal": ("agents/erasures/destroying.py", _ERASING),
    "storage.work.Store": ("muniment/house.py", _HOUSE),
    "storage.work.UnitOfWork": ("resolvers/errors.py", "names a type; nothing is made"),
    "policies.workbench.differences.differences": ("muniment/cli_policy/asking.py", _BENCH),
    "policies.workbench.differences.synthetic": ("muniment/cli_policy/asking.py", _BENCH),
    "policies.workbench.explaining.explain": (
        "muniment/cli_policy/asking.py resolvers/policies/explaining.py",
        f"{_BENCH}; {_ABOUT}",
    ),
    "policies.workbench.naming.stored": ("muniment/cli_policy/asking.py", _BENCH),
    "policies.workbench.naming.stored_row": ("resolvers/policies/explaining.py", _ABOUT),
    "policies.workbench.samples.sample": ("muniment/cli_policy/asking.py", "a database in memory, of made-up rows"),
}
"""What reads or writes by itself, by its name: from which files it may be used, and why."""

PLACES: dict[tuple[str, str, str], str] = {
    **staff.PLACES,
    ("schema/services.py", "blind", "vars(input)"): "the fields of an input, by their names",
    ("schema/leaves.py", "statement", "definition.metadata"): "Strawberry's word, no table",
    ("schema/leaves.py", "blind", "attrgetter(definition.python_name)"): "a field of a payload, by its own name",
    ("schema/sessions.py", "session", "issued.session.expires_at"): "a signed-in device, no database session",
    ("resolvers/sessions.py", "session", "now() + context.limits.session"): "how long a signed-in device lives",
    ("resolvers/house.py", "session", "max(self.session, self.ticket, self.idempotency)"): "lengths of time",
    ("resolvers/context.py", "session", "work.session.rollback"): "ends the snapshot; reads nothing",
    (
        "resolvers/attempts.py",
        "session",
        "self.context.work.session.in_transaction",
    ): "whether it has begun; reads nothing",
    ("resolvers/attempts.py", "session", "self.context.work.session.rollback"): "ends the change; reads nothing",
    ("muniment/cli_policy/given.py", "session", "(yield session)"): _BENCH,
    ("agents/takeovers.py", "session", "store.engine.dialect"): "which database it is",
    ("muniment/crew.py", "session", "house.store.engine.dialect"): "which database it is",
    ("muniment/loading.py", "grant", "setattr"): "a method that `dataclasses` wrote, into its class",
    ("schema/preferences.py", "grant", "setattr"): "a field of a type of the API, while the schema is made",
    ("resolvers/preferences.py", "grant", "setattr"): "a switch of the register, which is no decision",
    ("storage/vault/__init__.py", "grant", "setattr"): "puts a sealed value into the column that it was sealed for",
    ("storage/pages.py", "grant", "decisions"): "reads the door's columns into a row",
    ("storage/reading.py", "grant", "decisions"): "reads the door's columns into a row that is only read",
    ("storage/ledger/trail.py", "grant", "decisions"): "an entry's personal side is the same record's other half",
    ("policies/workbench/scenarios.py", "grant", "decisions"): "a word of the tables of scenarios",
    ("policies/access.py", "seal", "with_decisions"): "the door",
    ("storage/pages.py", "seal", "with_decisions"): "rows of the door's Select",
    ("storage/archives/sources.py", "seal", "with_decisions"): "rows of the door's Select",
    ("resolvers/sessions.py", "seal", "open_as_system"): "a password's hash, to be compared",
    ("resolvers/factors.py", "seal", "open_as_system"): "what an app shares with us, to be compared; staff's e-mail",
    ("resolvers/challenges.py", "seal", "open_as_system"): "a public key and random bytes, to be compared",
    ("storage/vault/__init__.py", "seal", "aead"): "the vault",
    ("storage/vault/__init__.py", "seal", "decrypt"): "the vault",
    ("storage/work.py", "seal", "Vault"): "one vault for each unit of work",
    ("storage/blobs/store.py", "seal", "aead"): "a file's own key",
    ("storage/blobs/reader.py", "seal", "decrypt"): "segment by segment, for whoever was let in",
    ("storage/ledger/verify_audit.py", "seal", "reader"): "a copy of the log, which is everybody's to read",
    ("muniment/transfers.py", "seal", "reader"): "after begin_download has asked the door for READ_CONTENT",
    ("muniment/imports.py", "seal", "decrypt"): "an archive from elsewhere, with the key of whoever brings it",
    ("storage/backups/streams.py", "seal", "decrypt"): "a backup, with the operator's key: what it holds stays sealed",
    ("muniment/imports.py", "seal", "reader"): "that archive again, sealed here for as long as it is read",
    ("agents/exports/contents.py", "seal", "reader"): "the bytes of an asset that the door let the agent open",
    ("agents/generation/briefs.py", "seal", "reader"): "the bytes of an asset that the door let the agent open",
    ("resolvers/grants.py", "caller", "Access"): "asks in one job of the caller's alone: fewer rights than they hold",
    ("resolvers/grants.py", "caller", "replace(context.principal, roles=frozenset({str(job)}))"): "as above",
    ("resolvers/idempotency.py", "caller", "become"): "whoever the same request of the same caller made it before",
    ("resolvers/idempotency.py", "seal", "open_as_system"): _AGAIN,
    ("resolvers/networks.py", "seal", "open_as_system"): "where an account or key was seen, to be compared",
    ("agents/notices/affected.py", "seal", "open_as_system"): "what two people agreed to tell those affected",
    ("agents/notices/delivering.py", "seal", "open_as_system"): "what a webhook is signed with, of the run's notice",
    ("agents/exports/announcing.py", "seal", "open_as_system"): "what a webhook is signed with, of the run's export",
    ("agents/thumbnails.py", "seal", "reader"): "the bytes of an asset that the door let the agent open",
    ("resolvers/repeated_uploads.py", "seal", "reader"): "compared with what the sender sends again; none of it leaves",
    (
        "resolvers/resumable_uploads.py",
        "seal",
        "reader",
    ): "what the sender sent so far, to be checked before it is kept",
    ("storage/blobs/partials.py", "seal", "aead"): "an upload that is under way, under its project's key",
    ("storage/blobs/partials.py", "seal", "decrypt"): "an upload that is under way, segment by segment",
    ("storage/file_bindings.py", "seal", "reader"): "writes a file anew as it is, and shows nothing of it",
    ("storage/scrubbing.py", "seal", "Vault"): "tries whether a value opens, and drops it",
    ("storage/scrubbing.py", "seal", "reader"): "tries whether a file opens, and drops its bytes",
    ("storage/rehashing.py", "seal", "Vault"): "hashes anew what is found by a key that is rotated",
    ("resolvers/identity.py", "seal", "Vault"): "whether an API key's digest is this one; nothing of it leaves",
    ("storage/resealing.py", "seal", "Vault"): "seals anew what a key that is rotated had sealed",
    ("muniment/probes.py", "seal", "decrypt"): "a probe of the key-encryption key, of a value of its own",
    ("resolvers/context.py", "caller", "Access"): "for the operation's own principal",
    ("resolvers/identity.py", "caller", "Principal"): "after the token was checked",
    ("resolvers/sessions.py", "caller", "Principal"): "after the password was checked",
    ("resolvers/sessions.py", "caller", "become"): "after the password was checked",
    ("resolvers/policies/explaining.py", "caller", "Principal"): _ABOUT,
    ("resolvers/policies/explaining.py", "session", "(context.access, context.work.session)"): _ABOUT,
    ("muniment/evidence.py", "caller", "Principal"): "whoever sits at the machine reads as an auditor: no names",
    ("muniment/auditing.py", "caller", "Principal"): "whoever sits at the machine reads as an auditor: no names",
    ("agents/runtime.py", "caller", "Access"): "for the agent's own principal",
    ("agents/runtime.py", "caller", "Principal"): "an agent, with the rights of its contributor and no more",
}
"""Single places: the file, which rule it would break, what stands there; and why that is right."""
