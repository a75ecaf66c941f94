"""The policy in the API's words: which one is in force, who may do what by it, why, and how another one comes."""

from datetime import datetime
from typing import Annotated, Self

import strawberry

from policies.actions import Action
from policies.compiled import version_of
from policies.errors import Refused
from policies.workbench import explaining, matrices
from policies.workbench.comparisons import Change
from policies.workbench.explaining import Explanation as Explained
from policies.workbench.explaining import Reason
from resolvers.policies import explaining as use_case
from resolvers.policies import reloading
from schema.guards import mutation
from schema.ids import decode_id, decode_id_of, encode_id
from schema.nodes import Info
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.policies import PolicyChange

AnyAction = Annotated[Action, strawberry.argument(description="What is to be done.")]
OfThing = Annotated[
    strawberry.ID | None, strawberry.argument(description="With what; left out, with the platform itself.")
]
AsWhom = Annotated[
    strawberry.ID | None,
    strawberry.argument(
        name="as",
        description="Somebody else: a contributor, staff or an API key. For security and auditors; it is recorded.",
    ),
]


@strawberry.type(description="A fact that a condition looked at.")
class PolicyFact:
    """One fact."""

    name: str = strawberry.field(description="What the rule calls it.")
    value: str = strawberry.field(description="What it was, in words.")


@strawberry.type(description="A rule that held, or that could have and where it stopped.")
class PolicyReason:
    """One rule."""

    reason: strawberry.Private[Reason]
    file: strawberry.Private[str]

    @strawberry.field(description="Where the rule stands: file:line.")
    def place(self) -> str:
        return f"{self.file}:{self.reason.line}"

    @strawberry.field(description="The rule, as written.")
    def rule(self) -> str:
        return self.reason.rule

    @strawberry.field(description="The first condition that did not hold; null for a rule that held.")
    def stopped_at(self) -> str | None:
        return self.reason.stopped_at

    @strawberry.field(description="What that condition saw, as far as you may see it.")
    def saw(self) -> list[PolicyFact]:
        return [PolicyFact(name=name, value=value) for name, value in self.reason.saw]

    @strawberry.field(description="The rules that it asked in its turn.")
    def below(self) -> list["PolicyReason"]:
        return [PolicyReason(reason=each, file=self.file) for each in self.reason.below]


@strawberry.type(description="Whether somebody may do something, and why.")
class PolicyExplanation:
    """An explanation."""

    found: strawberry.Private[Explained]
    file: strawberry.Private[str]
    who: strawberry.Private[str]

    @strawberry.field(description="Whether it is allowed.")
    def allowed(self) -> bool:
        return self.found.allowed

    @strawberry.field(description="The rules because of which it is; or each that could allow it, where it stopped.")
    def reasons(self) -> list[PolicyReason]:
        return [PolicyReason(reason=each, file=self.file) for each in self.found.reasons]

    @strawberry.field(description="All of it in words.")
    def text(self) -> str:
        return explaining.told(self.found, self.who, "this", self.file)


@strawberry.type(description="What one role may do with one kind of thing.")
class AccessRule:
    """One cell of the access matrix."""

    role: str = strawberry.field(description="Who: a kind of caller, or a job of staff.")
    resource: str = strawberry.field(description="The kind of thing.")
    action: Action = strawberry.field(description="What may be done.")
    ways: list[str] = strawberry.field(description="With which rows: one of these must be true of a row.")
    fields: list[str] = strawberry.field(description="The fields that this shows of such a row.")


@strawberry.type(description="A right that a proposed policy gives or takes.")
class PolicyDifference:
    """One right gained or lost."""

    role: str = strawberry.field(description="Who gains or loses it.")
    resource: str = strawberry.field(description="The kind of thing.")
    action: Action = strawberry.field(description="What may be done, or no longer.")
    gained: bool = strawberry.field(description="True: gained. False: lost.")
    ways: list[str] = strawberry.field(description="With which rows.")


@strawberry.type(description="A policy that one member of staff proposed, and another one confirms.")
class PolicyProposal:
    """One proposal."""

    id: strawberry.ID = strawberry.field(description="Pass it to reloadPolicy to confirm.")
    hash: str = strawberry.field(description="The SHA-256 of its text, in hex.")
    version: str = strawberry.field(description="What audit events will call it: the first 16 digits.")
    proposed_at: datetime = strawberry.field(description="When it was proposed.")
    expires_at: datetime = strawberry.field(description="When it can no longer be confirmed.")
    in_force_at: datetime | None = strawberry.field(
        description="Since when it is in force; null until confirmed. Every process follows in a second."
    )

    @classmethod
    def of(cls, row: PolicyChange) -> Self:
        """A proposal as the API shows it."""
        return cls(
            id=encode_id("PolicyProposal", row.id),
            hash=row.hash,
            version=version_of(row.hash),
            proposed_at=row.proposed_at,
            expires_at=row.proposed_at + reloading.LIFE,
            in_force_at=row.in_force_at,
        )

    @strawberry.field(description="What it gives and takes, compared with the policy that decides about this request.")
    def changes(self, info: Info) -> list[PolicyDifference]:
        return [_difference(change) for change in reloading.changes_of(info.context, self.hash)]


@strawberry.type(description="The policy that decides about this request: policy.polar as it came into force.")
class Policy:
    """The policy in force."""

    @strawberry.field(description="What audit events call it: the first 16 digits of its hash.")
    def version(self, info: Info) -> str:
        return info.context.policy.version

    @strawberry.field(description="The SHA-256 of its text, in hex.")
    def hash(self, info: Info) -> str:
        return info.context.policy.hash

    @strawberry.field(description="Its text. It is no secret.")
    def text(self, info: Info) -> str:
        return info.context.policy.source

    @strawberry.field(description="Who may do what with which rows, and sees which fields: every role and thing.")
    def matrix(self, info: Info) -> list[AccessRule]:
        return [
            AccessRule(
                role=role,
                resource=resource.name,
                action=action,
                ways=[resource.ways[number - 1] for number in ways],
                fields=[name for name, taken in resource.fields.items() if taken == action.value],
            )
            for resource in matrices.matrix(info.context.policy)
            for role, rights in resource.rights.items()
            for action, ways in rights.items()
        ]

    @strawberry.field(
        description="Why you, or `as`, may do something or may not. It shows facts of you and of what you may read."
    )
    def explain(self, info: Info, action: AnyAction, id: OfThing = None, as_: AsWhom = None) -> PolicyExplanation:
        thing = None if id is None else decode_id(id, "id")
        whom = None if as_ is None else decode_id(as_, "as")
        try:
            found = use_case.explain(info.context, action, thing, whom)
        except Refused as refusal:
            info.context.refuse("explain", refusal)
            raise
        return PolicyExplanation(found=found, file=info.context.policy.name, who="you" if whom is None else "they")

    @strawberry.field(description="Proposed policies that wait for somebody else to confirm them, newest first.")
    def proposals(self, info: Info) -> list[PolicyProposal]:
        try:
            return [PolicyProposal.of(row) for row in reloading.waiting(info.context)]
        except Refused as refusal:
            info.context.refuse("proposals", refusal)
            raise


@strawberry.input(description="Which policy, and, to confirm it, which proposal.")
class ReloadPolicyInput:
    """Input of reloadPolicy."""

    hash: str = strawberry.field(description="The SHA-256 of the text you have read, in hex: `sha256sum policy.polar`.")
    proposal_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The proposal to confirm. Left out, the policy file of the server is proposed,"
        " or the policy before the present one, for a week.",
    )


@strawberry.type(description="The proposal, new or confirmed.")
class ReloadPolicyPayload:
    """Answer of reloadPolicy."""

    proposal: PolicyProposal = strawberry.field(description="What was proposed, or has come into force.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class PolicyMutations:
    """Mutations about the policy itself."""

    @mutation(
        "Bring another policy into force, two people together. The first proposes the server's policy file by its hash,"
        " and nothing changes. A second one confirms that proposal by its id and the same hash within a day.",
        before=reloading.prepare,
    )
    def reload_policy(self, info: Info, input: ReloadPolicyInput) -> ReloadPolicyPayload:
        if input.proposal_id is None:
            row = reloading.propose(info.context, input.hash)
        else:
            proposal = decode_id_of("PolicyProposal", input.proposal_id, "proposalId")
            row = reloading.confirm(info.context, proposal, input.hash)
        return ReloadPolicyPayload(proposal=PolicyProposal.of(row), audit_event_id=audit_event_id(info))


def _difference(change: Change) -> PolicyDifference:
    return PolicyDifference(
        role=change.role,
        resource=change.resource,
        action=change.action,
        gained=change.gained,
        ways=list(change.ways),
    )
