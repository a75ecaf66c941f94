"""Opening the house from its settings: database, keys, blobs, policy; and the agents that work in it."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from agents import erasures, exports, generation, notices, thumbnails
from agents.egress import Gate, Register
from agents.ledger import Ageing, Courier, Sequencer, Webhook, Witnesses
from agents.mail import Mail
from agents.models.endpoints import Endpoint
from agents.models.gateway import Gateway
from agents.models.local import NAME as OFFLINE
from agents.models.local import LocalModel
from agents.models.providers import Provider
from agents.runtime import Agents, start, stop
from agents.sentinel import Sentinel
from agents.takeovers import Takeover
from muniment import lookouts
from muniment.budgets import SharedBudgets
from muniment.passkeys import relying_party
from muniment.policies import Follower
from muniment.settings import Settings
from muniment.tallies import Tallies
from muniment.tidying import Tidying
from policies.force import InForce
from policies.principals import Kind
from resolvers import services
from resolvers.budgets import Budgets
from resolvers.federation import Issuer
from resolvers.house import House, Limits, PolicySources
from resolvers.lockdowns import deciding as lockdowns
from resolvers.policies import standing
from resolvers.watching import Watch
from storage import migrations, queue
from storage.bells import hung
from storage.blobs.published import Published
from storage.blobs.store import BlobStore
from storage.certificates.statements import BackupPeriods
from storage.database import open_engine
from storage.keys.keyring import Keyring
from storage.ledger.archiving import Archive
from storage.ledger.buckets import Bucket
from storage.ledger.envelopes import secrets_of
from storage.ledger.scope import AuditScope
from storage.ledger.witnesses import WitnessPolicy
from storage.pairing import demand_pair
from storage.services import EMBEDDED, address_of
from storage.work import Store

WORKFLOWS = (generation.WORKFLOW, *exports.WORKFLOWS, *notices.WORKFLOWS, erasures.WORKFLOW, thumbnails.WORKFLOW)
"""What the agents answer for. Naming them here imports the agents, which register themselves."""


@contextmanager
def open_house(settings: Settings, *, serves: bool = False, watch: Watch | None = None) -> Iterator[House]:
    """Everything that survives a restart, opened and brought up to date. Raises what the first part to fail raises.

    With `serves` it follows the policy for as long as it is open; without, it takes the one in force, and the file only
    where there is none.
    """
    keyring = open_keyring(settings)
    engine = open_engine(settings.database_url)
    try:
        migrations.upgrade(engine)
        demand_pair(engine, keyring)
        queue.prepare(engine)
        blobs = BlobStore(settings.blob_dir, keyring, published(settings))
        archive = Archive(settings.archive_dir)
        store = Store(engine, keyring, blobs, settings.origin, archive)
        sources = PolicySources(settings.policy_file, settings.policy_approvals)
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
            house = House(store, force, limits(settings), sources, counted, watch, bell, _issuer(settings), site)
            with following(house, watch=settings.policy_watch):
                yield house
    finally:
        engine.dispose()
        keyring.close()


def _issuer(settings: Settings) -> Issuer | None:
    """Whoever checks the tokens of the configured issuer; None where there is none."""
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        return None
    from agents.issuers import Issuer as Checker  # what checks tokens is loaded where there are any

    return Checker(settings.oidc_issuer, settings.oidc_audience, inside_too=not settings.production)


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
def working(house: House, settings: Settings) -> Iterator[Agents]:
    """The agents at work. What an earlier process left of erasures is finished before this yields."""
    gate = Register(house.store, house.force, settings.regions)
    gateway = Gateway(providers(settings), gate=gate)
    lifetime, backups = timedelta(days=settings.export_days), backup_periods(settings)
    idle = Agents(
        house.store,
        house.force,
        gateway,
        lifetime,
        inside_too=not settings.production,
        gate=gate,
        mail=_mail(settings),
        link=settings.notices_url,
        backups=backups,
    )
    erasures.resume_open_erasures(idle)
    alone = house.store.engine.dialect.name == "sqlite"  # on PostgreSQL other processes may be writing now
    erasures.tidy(idle, older_than_seconds=0 if alone else 3600)
    takeover = Takeover(house.store, settings.worker_name)
    agents = start(idle, executor_id=settings.worker_name)
    takeover.start()
    sequencer = Sequencer(house.store, checkpoint_place(settings), house.policy.version, witnesses=_witnesses(settings))
    sequencer.start()
    courier = _courier(house, settings, gate)
    sentinel = Sentinel(house.store, house.policy.version)
    sentinel.start()
    lookout = lookouts.of_agents(house, settings, gateway)
    lookout.start()
    tidying = Tidying(house, agents, Ageing(agents, timedelta(days=settings.audit_days)), settings)
    tidying.start()
    try:
        yield agents
    finally:
        tidying.stop()
        lookout.stop()
        takeover.stop()
        stop(agents)
        sentinel.stop()
        if courier is not None:
            courier.stop()
        sequencer.stop()  # last, so that what the others still recorded has its place


def checkpoint_place(settings: Settings) -> Path | Bucket:
    """Where the newest checkpoint lies outside the database."""
    if settings.ledger_store is None:
        return settings.ledger_dir
    return Bucket.at(settings.ledger_store, inside_too=not settings.production)


def _witnesses(settings: Settings) -> Witnesses | None:
    """Whoever cosigns checkpoints; None where there is nobody."""
    if settings.witness_policy is None:
        return None
    return Witnesses(WitnessPolicy.load(settings.witness_policy), inside_too=not settings.production)


def _courier(house: House, settings: Settings, gate: Gate) -> Courier | None:
    """Whoever brings the trail to the operator's webhook, on the way; None where there is no webhook."""
    if settings.webhook_url is None or settings.webhook_secret is None:
        return None
    keys = secrets_of(settings.webhook_secret.get_secret_value())
    webhook = Webhook(settings.webhook_url, keys, inside_too=not settings.production)
    courier = Courier(house.store, webhook, house.policy.version, gate=gate)
    courier.start()
    return courier


def _mail(settings: Settings) -> Mail | None:
    """How e-mail leaves; None where the operator named no server."""
    if settings.smtp_url is None or settings.mail_from is None:
        return None
    return Mail.at(settings.smtp_url.get_secret_value(), settings.mail_from)


def providers(settings: Settings) -> list[Provider]:
    """The models on offer, the default first: the operator's endpoint where one is set, the one on board otherwise."""
    if settings.model_url is None:
        return [LocalModel()]
    key = settings.model_api_key.get_secret_value() if settings.model_api_key else "none"
    remote = settings.model_name
    keeps = None if settings.model_keeps_days is None else timedelta(days=settings.model_keeps_days)
    return [
        Endpoint(remote.lower(), settings.model_url, key, remote, silence_seconds=settings.model_seconds, keeps=keeps)
    ]


def backup_periods(settings: Settings) -> BackupPeriods:
    """How long the operator keeps backups, as certificates say it."""
    periods = [
        None if days is None else timedelta(days=days) for days in (settings.data_backup_days, settings.key_backup_days)
    ]
    return BackupPeriods(*periods)


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
        upload_bytes=settings.upload_limit_bytes,
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
