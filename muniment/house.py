"""Opening the house from its settings: database, keys, blobs, policy, and what the operator has set."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from agents.models.local import NAME as OFFLINE
from muniment import hazards
from muniment.budgets import SharedBudgets
from muniment.passkeys import relying_party
from muniment.policies import Follower
from muniment.settings import Settings
from muniment.tallies import Tallies
from policies.force import InForce
from policies.principals import Kind
from resolvers import services
from resolvers.budgets import Budgets
from resolvers.denial_summaries import DenialSummaries
from resolvers.house import House, Limits, PolicySources
from resolvers.issuers import Issuer
from resolvers.lockdowns import deciding as lockdowns
from resolvers.policies import standing
from resolvers.watching import Watch
from storage import migrations, queue_tables
from storage.bells import hung
from storage.blobs.published import Published
from storage.blobs.store import BlobStore
from storage.certificates.statements import BackupPeriods
from storage.database import open_engine, reach_of
from storage.keys.keyring import Keyring
from storage.ledger.archiving import Archive
from storage.ledger.buckets import Bucket
from storage.ledger.scope import AuditScope
from storage.pairing import demand_pair
from storage.quotas import Allowance
from storage.services import EMBEDDED, address_of
from storage.work import Store

_DENIALS_EVERY_SECONDS = 60.0


@contextmanager
def open_house(settings: Settings, *, serves: bool = False, watch: Watch | None = None) -> Iterator[House]:
    """Everything that survives a restart, opened and brought up to date. Raises what the first part to fail raises.

    With `serves` it follows the policy for as long as it is open; without, it takes the one in force, and the file only
    where there is none.
    """
    keyring = open_keyring(settings)
    engine = open_engine(settings.database_url)
    try:
        if settings.production:
            keys = reach_of(keyring.key_store.engine)
            hazards.demand_secure(insecure_key=keyring.insecure, database=reach_of(engine), keys=keys)
        migrations.upgrade(engine)
        demand_pair(engine, keyring)
        if not queue_tables.are_newest(engine):
            from storage import queue  # with DBOS, which nobody waits for who has no use for it

            queue.prepare(engine)
        blobs = BlobStore(settings.blob_dir, keyring, published(settings))
        archive = Archive(settings.archive_dir)
        store = Store(engine, keyring, blobs, settings.origin, archive)
        sources = PolicySources(
            settings.policy_file, settings.policy_approvals, settings.home / "data" / "policy.sound"
        )
        file_wins = serves and not settings.production
        force = standing.at_start(store, sources, file_wins=file_wins, accepted=settings.policy_accepted)
        lockdowns.follow(store, force)
        watch = watch or Watch()
        site = relying_party(settings.public_url, settings.origins)
        _enter_own_services(store, force)
        if not serves:
            yield House(store, force, limits(settings), sources, watch=watch, site=site)
            return
        with budgets(settings, keyring, watch) as counted, hung(engine) as bell, keyring.hearing():
            house = House(
                store,
                force,
                limits(settings),
                sources,
                counted,
                watch,
                bell,
                _issuer(settings),
                DenialSummaries(),
                site,
            )
            with following(house, watch=settings.policy_watch), summarizing_denials(house):
                yield house
    finally:
        engine.dispose()
        keyring.close()


def _issuer(settings: Settings) -> Issuer | None:
    """Whoever checks the tokens of the configured issuer; None where there is none."""
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        return None
    from agents.issuers import Issuer as Checker  # what checks tokens is loaded where there are any

    issuer = Checker(
        settings.oidc_issuer,
        settings.oidc_audience,
        inside_too=not settings.production,
        access_audience=settings.oidc_access_audience,
        clients=settings.oidc_clients,
    )
    issuer.refresh()
    return issuer


def _enter_own_services(store: Store, force: InForce) -> None:
    """What runs inside the house stands in its register of services too."""
    scope = AuditScope("house", Kind.AGENT.value, None, None, None, None, uuid.uuid4(), force.policy.version)
    with store.begin(scope) as work:
        services.stand_up(work)


def open_keyring(settings: Settings) -> Keyring:
    """The keys alone. Raises what `Keyring.open` raises."""
    first, *also = settings.kek_uris
    return Keyring.open(
        settings.key_store_url,
        first,
        also=also,
        cache_seconds=settings.key_cache_seconds,
        kms_seconds=settings.kms_seconds,
    )


@contextmanager
def budgets(settings: Settings, keyring: Keyring, watch: Watch) -> Iterator[Budgets]:
    """What callers may ask for: counted in this process, or with others where the settings name a server for it."""
    if settings.limits_url is None:
        yield Budgets()
        return
    tallies = Tallies(settings.limits_url, keyring, watch)
    try:
        yield SharedBudgets(tallies)
    finally:
        tallies.close()


def published(settings: Settings) -> Published | None:
    """The bucket for files that are whole; None where they lie in the directory."""
    if settings.blob_url is None:
        return None
    from storage.blobs.objects import PublishedObjects  # what reaches buckets is loaded where one is used

    return PublishedObjects(settings.blob_url, endpoint=settings.blob_endpoint, seconds=settings.blob_seconds)


@contextmanager
def following(house: House, *, watch: bool) -> Iterator[None]:
    """The policy in force, taken over within a second of its coming into force, while the block runs."""
    follower = Follower(house, watch=watch)
    follower.start()
    try:
        yield
    finally:
        follower.stop()


@contextmanager
def summarizing_denials(house: House) -> Iterator[None]:
    """What strangers were refused, written once a minute while the block runs, and when it ends."""
    denials = house.denials
    if denials is None:
        yield
        return
    ending = threading.Event()

    def run() -> None:
        while not ending.wait(_DENIALS_EVERY_SECONDS):
            denials.flush(house.store)

    thread = threading.Thread(target=run, name="denials", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(timeout=30)
        denials.flush(house.store)


def checkpoint_place(settings: Settings) -> Path | Bucket:
    """Where the newest checkpoint lies outside the database."""
    if settings.ledger_store is None:
        return settings.ledger_dir
    return Bucket.at(settings.ledger_store, inside_too=not settings.production)


def backup_periods(settings: Settings) -> BackupPeriods:
    """How long the operator keeps backups, as certificates say it."""
    periods = [
        None if days is None else timedelta(days=days) for days in (settings.data_backup_days, settings.key_backup_days)
    ]
    return BackupPeriods(*periods)


def allowance(settings: Settings) -> Allowance:
    """How much room a contributor's files have who was given no limit of their own."""
    return Allowance(settings.quota_bytes, settings.quota_files)


def limits(settings: Settings) -> Limits:
    """What the operator has set, as the use cases take it."""
    model = OFFLINE if settings.model_url is None else settings.model_name.lower()
    return Limits(
        session=timedelta(hours=settings.session_hours),
        step_up=timedelta(minutes=settings.step_up_minutes),
        ticket=timedelta(minutes=settings.ticket_minutes),
        idempotency=timedelta(hours=settings.idempotency_hours),
        retention_notice=timedelta(days=settings.retention_notice_days),
        access_grant=timedelta(hours=settings.access_grant_hours),
        signing_overlap=timedelta(days=settings.signing_overlap_days),
        operation=timedelta(seconds=settings.operation_seconds),
        cost_per_minute=settings.cost_per_minute,
        response_bytes=settings.response_limit_bytes,
        subscriptions_per_caller=settings.subscriptions_per_caller,
        upload_bytes=settings.upload_limit_bytes,
        allowance=allowance(settings),
        prompts_waiting=settings.prompts_waiting,
        prompts_per_day=settings.prompts_per_day,
        registrations=settings.registrations_per_address,
        exports_per_day=settings.exports_per_day,
        export_life=timedelta(days=settings.export_days),
        model_address=EMBEDDED if settings.model_url is None else address_of(settings.model_url),
        service_notice=timedelta(days=settings.service_notice_days),
        regions=settings.regions,
        plain_webhooks=not settings.production,
        models=(model,),
        audit=timedelta(days=settings.audit_days),
        backups=backup_periods(settings),
        mail=settings.smtp_url is not None,
    )
