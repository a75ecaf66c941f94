"""The agents at work: started from the settings in the order in which they need one another, and stopped again."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from agents import erasures, exports, generation, notices, thumbnails
from agents.egress import Gate, Register
from agents.ledger import Ageing, Courier, LogCheck, Sequencer, Webhook, Witnesses
from agents.mail import Mail
from agents.models.endpoints import Endpoint
from agents.models.gateway import Gateway
from agents.queue_watch import QueueWatch
from agents.runtime import Agents, start, stop
from agents.sentinel import Sentinel
from agents.takeovers import NamesTaken, Takeover
from muniment import lookouts
from muniment.house import backup_periods, checkpoint_place
from muniment.models import providers
from muniment.serve import CannotServe
from muniment.settings import Settings
from muniment.tidying import Tidying
from policies.principals import AgentName, Kind
from resolvers import enabling
from resolvers.house import House
from storage import set_aside
from storage.clock import now
from storage.database import transaction
from storage.ledger.envelopes import secrets_of
from storage.ledger.scope import AuditScope
from storage.ledger.witnesses import WitnessPolicy
from storage.orphans import KEYSETS_AFTER

WORKFLOWS = (generation.WORKFLOW, *exports.WORKFLOWS, *notices.WORKFLOWS, *erasures.WORKFLOWS, thumbnails.WORKFLOW)
"""What the agents answer for. Naming them here imports the agents, which register themselves."""


@contextmanager
def working(house: House, settings: Settings) -> Iterator[Agents]:
    """The agents at work. What an earlier process left of erasures is finished before this yields."""
    gate = Register(house.store, house.force, settings.regions, unapproved_models=not settings.production)
    models = providers(settings)
    gateway = Gateway(models, gate=gate)
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
        admits=on_record(house, settings),
        doors={each.facts().provider: each.door for each in models if isinstance(each, Endpoint)},
    )
    with transaction(house.store.engine) as session:
        set_aside.reopen(session, now())  # this version may be able to process it
    erasures.resume_open_erasures(idle)
    alone = house.store.engine.dialect.name == "sqlite"  # on PostgreSQL other processes may be writing now
    erasures.tidy(idle, older_than_seconds=0 if alone else 3600, keysets_older_than_seconds=KEYSETS_AFTER)
    takeover = Takeover(house.store, settings.worker_name)
    try:
        name = takeover.claim()
    except NamesTaken as error:
        raise CannotServe(str(error)) from None
    queue_watch = QueueWatch(house.store, house.policy_version, house.watch)
    queue_watch.start()
    agents = start(idle, executor_id=name)
    takeover.start()
    sequencer = Sequencer(house.store, checkpoint_place(settings), house.policy_version, witnesses=_witnesses(settings))
    sequencer.start()
    log_check = LogCheck(house.store, house.policy_version, house.watch)
    log_check.start()
    courier = _courier(house, settings, gate)
    sentinel = Sentinel(house.store, house.policy_version)
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
        queue_watch.stop()
        sentinel.stop()
        if courier is not None:
            courier.stop()
        log_check.stop()
        sequencer.stop()  # last, so that what the others still recorded has its place


def on_record(house: House, settings: Settings) -> Callable[[str], bool]:
    """Whether an agent may work: all that were there from the beginning, and those that were approved since.

    In development the others do as well, and it is said that nobody has approved them.
    """

    def scope() -> AuditScope:
        return AuditScope("agents", Kind.AGENT.value, None, None, None, None, uuid.uuid4(), house.policy.version)

    withheld = set(enabling.strangers(house.store, scope(), map(str, AgentName)))

    def admits(agent: str) -> bool:
        if agent in withheld and agent not in enabling.strangers(house.store, scope(), [agent]):
            withheld.discard(agent)  # approved meanwhile
        return agent not in withheld or not settings.production

    return admits


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
    courier = Courier(house.store, webhook, house.policy_version, gate=gate)
    courier.start()
    return courier


def _mail(settings: Settings) -> Mail | None:
    """How e-mail leaves; None where the operator named no server."""
    if settings.smtp_url is None or settings.mail_from is None:
        return None
    return Mail.at(settings.smtp_url.get_secret_value(), settings.mail_from)
