"""What outlives a request: the opened store, the policy in force, and what the operator has set."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from policies.access import Policy
from policies.force import InForce
from policies.principals import Kind
from resolvers.budgets import Budgets
from resolvers.issuers import Issuer
from resolvers.subscriptions import Subscriptions
from resolvers.watching import Watch
from storage.bells import Bell
from storage.certificates.statements import UNSAID, BackupPeriods
from storage.quotas import USUAL, Allowance
from storage.services import EMBEDDED
from storage.work import Store

if TYPE_CHECKING:
    from resolvers.ceremonies import RelyingParty
    from resolvers.denial_summaries import DenialSummaries
    from resolvers.refusals import Refusal
    from storage.ledger.scope import AuditScope


@dataclass(frozen=True)
class Limits:
    """What the operator has set: how long things live and how large they may be."""

    session: timedelta = timedelta(hours=12)
    step_up: timedelta = timedelta(minutes=10)
    ticket: timedelta = timedelta(minutes=15)
    retention_notice: timedelta = timedelta(days=7)
    access_grant: timedelta = timedelta(hours=24)
    upload_bytes: int = 2 * 1024**3
    allowance: Allowance = USUAL
    """How much room a contributor's files have who was given no limit of their own."""
    prompt_characters: int = 20_000
    variations: int = 10
    sign_in_failures: int = 10
    """Failed attempts of one e-mail from one address, of one session, or at one second factor, in a window."""
    account_failures: int = 30
    """Failed attempts at one account in a window: from all addresses where it never signed in, or of all sessions."""
    address_failures: int = 30
    """Failed attempts from one address in a window, at whatever accounts."""
    registrations: int = 100
    """Attempts to open an account from one address in a window."""
    sign_in_window: timedelta = timedelta(minutes=15)
    idempotency: timedelta = timedelta(hours=24)
    signing_overlap: timedelta = timedelta(days=30)
    operation: timedelta = timedelta(seconds=60)
    response_bytes: int = 16 * 1024**2
    """How large the response to one operation, or one event of a subscription, may be."""
    cost_per_minute: int = 500_000
    subscriptions_per_caller: int = 100
    """How many subscriptions one caller may have open in one process."""
    throttled_per_minute: int = 3_000
    """How often somebody whom an incident has slowed down is answered in a minute: fifty times a second."""
    exports_per_day: int = 48
    prompts_waiting: int = 100
    """How many prompts of one contributor may be queued or running at a time."""
    prompts_per_day: int = 2_000
    """How many one contributor may submit within 24 hours."""
    export_life: timedelta = timedelta(days=7)
    plain_webhooks: bool = False
    """Whether webhooks without TLS are taken: development only."""
    models: tuple[str, ...] = ("smollm2-135m-instruct",)
    model_address: str = EMBEDDED
    """The service that answers for the models: its address in the register."""
    service_notice: timedelta = timedelta(days=14)
    """How long contributors know of a service before anything is sent to it."""
    regions: tuple[str, ...] = ()
    """Where services may work with what they are sent; none named: wherever the register says."""
    audit: timedelta = timedelta(days=365)
    """How long the audit trail remembers who it was."""
    backups: BackupPeriods = UNSAID
    mail: bool = False
    """Whether notices go out by e-mail."""

    @property
    def longest(self) -> timedelta:
        """How long anything may live that ends by itself: a session, a ticket, an answer that can be repeated."""
        return max(self.session, self.ticket, self.idempotency)


@dataclass(frozen=True)
class PolicySources:
    """Where a policy comes from before it is in force: the file, and the gains of it that are approved."""

    file: Path = Path("policy.polar")
    approvals: Path = Path("policies/approvals.yaml")
    marks: Path | None = None
    """The file that says which policy this program has found sound; None: it is looked over at every start."""


@dataclass(frozen=True)
class House:
    """What outlives a request: the opened store, the policy in force, the operator's limits."""

    store: Store
    force: InForce
    limits: Limits = field(default_factory=Limits)
    sources: PolicySources = field(default_factory=PolicySources)
    budgets: Budgets = field(default_factory=Budgets)
    watch: Watch = field(default_factory=Watch)
    bell: Bell = field(default_factory=Bell)
    issuer: Issuer | None = None
    """Whose tokens are taken beside our own sessions and keys; None: nobody's."""
    denials: "DenialSummaries | None" = None
    """Where refusals of callers without a good credential are counted; None: each is written at once."""
    site: "RelyingParty | None" = None
    """For whom passkeys are kept; None where the address that clients use has no name in it."""
    subscriptions: Subscriptions = field(default_factory=Subscriptions)

    def counts(self, scope: "AuditScope", refusal: "Refusal") -> bool:
        """Whether a refusal is a stranger's, which is counted and written within a minute; counts it then."""
        if self.denials is None or scope.actor_kind != Kind.ANONYMOUS.value:
            return False
        self.denials.add(scope, refusal)
        return True

    @property
    def policy(self) -> Policy:
        """The policy in force at this moment. An operation asks once, and goes by that one to its end."""
        return self.force.policy

    def policy_version(self) -> str:
        """What the trail calls the policy in force at this moment, for what goes on for as long as the process does."""
        return self.policy.version
