"""The privacy policy of this installation, and its data cards: made of the registers, the settings and policy.polar."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from policies.access import Policy
from policies.actions import Action
from policies.facts import Shape
from policies.plans import Row
from policies.principals import Kind
from policies.resources import PROTECTED, opening
from resolvers import services
from resolvers.house import House, Limits
from storage import clock
from storage.preferences import REGISTER, Preference
from storage.privacy.cards import CARDS, Card
from storage.privacy.promises import POLICY, Facts
from storage.records import Record
from storage.retention.schedule import SCHEDULE, Rule
from storage.services import Service, standing
from storage.staff import StaffRole

_JOBS = {
    StaffRole.AUDITOR: "auditors",
    StaffRole.PRIVACY: "privacy officers",
    StaffRole.SECURITY: "security",
    StaffRole.SUPPORT: "support",
    StaffRole.SYSADMIN: "administrators",
}


@dataclass(frozen=True)
class Said:
    """A promise as this installation makes it."""

    id: str
    text: str
    check: str


@dataclass(frozen=True)
class Part:
    """A section of the policy."""

    name: str
    title: str
    promises: tuple[Said, ...]


@dataclass(frozen=True)
class DataCard:
    """A card, with what follows from models and policy."""

    card: Card
    where: str
    how_long: str
    who: str


@dataclass(frozen=True)
class PrivacyPolicy:
    """Everything that a person is told. `version` changes with any word of it."""

    parts: tuple[Part, ...]
    cards: tuple[DataCard, ...]
    preferences: tuple[Preference, ...]
    services: tuple[Service, ...]
    schedule: tuple[Rule, ...]

    @property
    def version(self) -> str:
        """The first 12 hex digits of the SHA-256 of all its words."""
        return hashlib.sha256("\n".join(self.words()).encode()).hexdigest()[:12]

    def words(self) -> Iterator[str]:
        """Every sentence of it, in order."""
        for part in self.parts:
            yield part.title
            yield from (said.text for said in part.promises)
        for each in self.cards:
            yield from (each.card.title, each.card.what, each.card.why, each.where, each.how_long, each.who)
        for preference in self.preferences:
            yield from (preference.label, preference.allows, preference.while_off, preference.withdrawn)
        for service in self.services:
            yield from (service.operator, service.address, service.purpose, ", ".join(service.categories))
            yield f"{service.retention_days} {service.trains_on_inputs} {service.effective_at}"
        for rule in self.schedule:
            yield from (rule.name, rule.what, rule.trigger, rule.period, rule.disposition)


def policy_of(house: House) -> PrivacyPolicy:
    """The policy as this house keeps it at this moment."""
    return stated(house.policy, facts(house.limits, standing(services.published(house), clock.now())))


def stated(policy: Policy, known: Facts) -> PrivacyPolicy:
    """The policy by these rules and these facts."""
    parts = tuple(
        Part(
            section.name,
            section.title,
            tuple(Said(each.id, each.text(known), each.check) for each in section.promises),
        )
        for section in POLICY
    )
    cards = tuple(DataCard(each, each.where, each.how_long, _who(policy, each)) for each in CARDS)
    return PrivacyPolicy(parts, cards, REGISTER, known.services, SCHEDULE)


def facts(limits: Limits, known: Iterable[Service] = ()) -> Facts:
    """What the operator has set, and the register of services, as far as people are told."""
    return Facts(
        services=tuple(known),
        session=limits.session,
        grant=limits.access_grant,
        export=limits.export_life,
        audit=limits.audit,
        notice=limits.retention_notice,
        service_notice=limits.service_notice,
        backups=limits.backups,
        mail=limits.mail,
    )


def _who(policy: Policy, card: Card) -> str:
    """Who sees it, by policy.polar itself: jobs that see that it is there, without anybody having let them in."""
    seeing = [_JOBS[role] for role in StaffRole if any(_sees(policy, role, model) for model in card.models)]
    shared = " So do the people you share the project with." if _SHARED & set(card.tables) else ""
    if not seeing:
        return f"You.{shared} Nobody who works here, unless they are let in."
    opening_it = [_JOBS[role] for role in StaffRole if any(_opens(policy, role, model) for model in card.models)]
    if not opening_it:
        return f"You.{shared} Of those who work here, {_listed(seeing)} can see that it is there, but not what it says."
    return (
        f"You.{shared} Of those who work here, {_listed(seeing)} can see that it is there. "
        f"When their rules allow it, {_listed(opening_it)} can read it too."
    )


_SHARED = {"assets", "outputs", "projects", "prompts"}


def _sees(policy: Policy, role: StaffRole, model: type[Record]) -> bool:
    return _may(policy, role, model, frozenset({Action.READ}))


def _opens(policy: Policy, role: StaffRole, model: type[Record]) -> bool:
    return _may(policy, role, model, opening(model))


def _may(policy: Policy, role: StaffRole, model: type[Record], actions: frozenset[Action]) -> bool:
    """Whether staff in this job may do one of these without a grant that somebody agreed to."""
    if model not in PROTECTED:
        return False
    plans = policy.decisions(Shape(Kind.STAFF, roles=frozenset({role.value}), mfa=True), model).plans
    return any(not _granted(way) for action in actions for way in plans.get(action, ()))


def _granted(way: Row) -> bool:
    return any(relation == "grants" for relation, _ in way.related)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
