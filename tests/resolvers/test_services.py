"""The register of services: two people, an assessment that runs out, a notice period; and what keeps a parcel back."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from storage import services
from storage.clock import now
from storage.database import transaction
from storage.ids import new_id
from storage.notices import NoticeKind, PublishedNotice
from storage.services import (
    Assurance,
    DataCategory,
    Objection,
    Parcel,
    Service,
    ServiceKind,
    ServiceStatus,
)
from storage.staff import StaffRole
from tests.resolvers.ladder import MUTATIONS, proposed
from tests.world import Answer, Person, World, agent_scope, raw_id

LATER = timedelta(days=30)


@pytest.fixture
def privacy(world: World) -> Person:
    return world.employ(StaffRole.PRIVACY)


@pytest.fixture
def security(world: World) -> Person:
    return world.employ(StaffRole.SECURITY)


def act(world: World, name: str, by: Person | None, service: str = "", **other: Any) -> Answer:
    given = MUTATIONS[name]({"service": service}) | other
    return world.do(name, by, wants="service { id status effectiveAt } auditEventId", **given)


def approved(world: World, privacy: Person, security: Person) -> str:
    """Proposed and assessed by one, agreed to by the other."""
    service = proposed(world, privacy)
    act(world, "assessService", privacy, service).data  # noqa: B018 - fails where it did not work
    act(world, "enableService", security, service).data  # noqa: B018 - as above
    return service


def row(world: World, service: str) -> Service:
    with transaction(world.house.store.engine, read_only=True) as session:
        found = session.get(Service, raw_id(service))
        assert found is not None
        session.expunge(found)
        return found


def change(world: World, service: str, **columns: Any) -> None:
    """What time, or somebody with the database in hand, does to a row."""
    with world.house.store.begin(agent_scope()) as work:
        found = work.session.get(Service, raw_id(service))
        for name, value in columns.items():
            setattr(found, name, value)


def test_two_people_approve_and_contributors_know_before_it_begins(
    world: World, privacy: Person, security: Person
) -> None:
    """The proposer can't agree, in any job; a second person can; it begins when the notice period is over."""
    ada = world.register("ada")
    both = world.employ(StaffRole.PRIVACY, StaffRole.SECURITY)
    service = proposed(world, both)
    act(world, "assessService", both, service).data  # noqa: B018 - fails where it did not work
    with world.unchanged("access.denied"):
        assert act(world, "enableService", both, service).code == "FORBIDDEN"
    assert world.ask("{ services { edges { node { address } } } }", ada).data["services"]["edges"] == [
        {"node": {"address": "embedded"}}
    ]
    agreed = act(world, "enableService", security, service).data["it"]["service"]
    assert agreed["status"] == "APPROVED"
    kept = row(world, service)
    assert kept.effective_at is not None
    assert kept.approved_at is not None
    assert kept.effective_at - kept.approved_at == timedelta(days=14)
    query = "{ services { edges { node { id operator assessment viewerCan } } } }"
    seen = {each["node"]["id"]: each["node"] for each in world.ask(query, ada).data["services"]["edges"]}
    assert seen[service] == {"id": service, "operator": "Models Ltd", "assessment": None, "viewerCan": ["READ"]}
    assert [each["action"] for each in world.events() if each["action"].startswith("service.")][-3:] == [
        "service.registered",
        "service.assessed",
        "service.enabled",
    ]
    assert "keeps nothing, trains" not in json.dumps(world.events())


def test_where_there_is_nobody_to_tell_it_begins_at_once(world: World, privacy: Person, security: Person) -> None:
    """An installation without a contributor waits for no notice period."""
    kept = row(world, approved(world, privacy, security))
    assert kept.effective_at == kept.approved_at


def test_nothing_is_approved_that_was_not_assessed_or_not_lately(
    world: World, privacy: Person, security: Person
) -> None:
    """No assessment, one that ran out, a report that ran out: a conflict each, and nothing happens."""
    service = proposed(world, privacy)
    with world.unchanged():
        assert act(world, "enableService", security, service).code == "CONFLICT"
    act(world, "assessService", privacy, service).data  # noqa: B018 - fails where it did not work
    for column in ("assessment_expires_at", "assurance_expires_at"):
        good = getattr(row(world, service), column)
        change(world, service, **{column: now()})
        with world.unchanged():
            assert act(world, "enableService", security, service).code == "CONFLICT"
        change(world, service, **{column: good})
    world.register("ada")
    with world.unchanged():
        early = act(world, "enableService", security, service, effectiveAt=now().isoformat())
        assert (early.code, early.field) == ("BAD_USER_INPUT", "effectiveAt")
    assert act(world, "enableService", security, service).data
    with world.unchanged("access.denied"):
        assert act(world, "enableService", security, service).code == "FORBIDDEN"


def test_whoever_proposed_a_service_does_not_renew_it_alone(world: World, privacy: Person, security: Person) -> None:
    """An assessment that ran out is renewed by somebody else than the one who wants the service."""
    service = approved(world, privacy, security)
    with world.unchanged("access.denied"):
        assert act(world, "assessService", privacy, service, risk="HIGH").code == "FORBIDDEN"
    assert act(world, "assessService", security, service, risk="MEDIUM").data
    assert row(world, service).risk == "MEDIUM"
    act(world, "disableService", privacy, service).data  # noqa: B018 - fails where it did not work
    for name in ("assessService", "enableService", "disableService"):
        with world.unchanged("access.denied"):
            assert act(world, name, security, service).code == "FORBIDDEN"


NO_TERMS = [
    ("address", "https://models.example.org"),
    ("address", "Models.example.org"),
    ("address", "models.example.org:0"),
    ("address", "embedded"),
    ("address", "a b"),
    ("kind", "INTERNAL"),
    ("operator", ""),
    ("purpose", "short"),
    ("contract", " "),
    ("categories", []),
    ("regions", []),
    ("regions", ["Europe"]),
    ("subProcessors", ["x"] * 51),
    ("retentionDays", -1),
    ("breachHours", 0),
    ("deletionPath", "https://elsewhere.example/{id}"),
    ("deletionPath", "//elsewhere.example/{id}"),
    ("deletionPath", "/v1/../admin/{id}"),
    ("deletionPath", "/v1/{id}?all=1"),
    ("deletionPath", "/v1/completions"),
    ("deletionPath", "/v1/{id}/{id}"),
    ("deletionPath", "/v1/x{id}"),
    ("deletionPath", "/v1/%2e%2e/{id}"),
    ("deletionPath", "v1/{id}"),
    ("deletionPath", "/" + "v" * 200 + "/{id}"),
]


@pytest.mark.one_database("sqlite", reason="refused before any row is looked at")
def test_terms_that_can_not_be_used_are_refused(world: World, privacy: Person, subtests: pytest.Subtests) -> None:
    """Each with its field; nothing is proposed."""
    for field, value in NO_TERMS:
        with subtests.test(field=field, value=value), world.unchanged():
            refused = act(world, "registerService", privacy, **{field: value})
            assert (refused.code, refused.field) == ("BAD_USER_INPUT", field)


@pytest.mark.one_database("sqlite", reason="what terms come to, whatever the database")
def test_how_a_provider_is_asked_to_delete_is_among_its_terms(world: World, privacy: Person) -> None:
    """As OpenAI's protocol says, another path, or not at all; nothing for who keeps nothing, or is no provider."""

    def agreed(**terms: Any) -> str | None:
        made = act(world, "registerService", privacy, **terms).data["it"]["service"]["id"]
        return row(world, made).deletion_path

    assert agreed(retentionDays=30) == "/v1/chat/completions/{id}"
    assert agreed(retentionDays=30, deletionPath="/v1/responses/{id}") == "/v1/responses/{id}"
    assert agreed(retentionDays=30, deletionPath=None) is None
    assert agreed(retentionDays=0) is None
    assert agreed(retentionDays=30, kind="EMAIL", categories=["CONTACT"]) is None
    with world.unchanged():
        refused = act(world, "registerService", privacy, kind="EMAIL", deletionPath="/v1/{id}")
        assert (refused.code, refused.field) == ("BAD_USER_INPUT", "deletionPath")


def test_an_assessment_says_why_and_ends(world: World, privacy: Person) -> None:
    """No words, none that lasts longer than a year, no report of the past."""
    service = proposed(world, privacy)
    for field, value in {
        "assessment": "Fine.",
        "expiresAt": (now() + timedelta(days=400)).isoformat(),
        "assuranceExpiresAt": (now() - timedelta(days=1)).isoformat(),
    }.items():
        with world.unchanged():
            refused = act(world, "assessService", privacy, service, **{field: value})
            assert (refused.code, refused.field) == ("BAD_USER_INPUT", field)


def test_a_contributor_allows_services_by_name_and_their_history_says_so(
    world: World, privacy: Person, security: Person
) -> None:
    """The list is replaced as a whole; what is no service, or none they may see, is refused and changes nothing."""
    ada = world.register("ada")
    service, hidden = approved(world, privacy, security), proposed(world, privacy)
    wants = "privacyPreferences { services }"
    allowed = world.do("updatePrivacyPreferences", ada, wants=wants, services=[service])
    assert allowed.data["it"]["privacyPreferences"]["services"] == [service]
    for wrong, code in ((hidden, "NOT_FOUND"), (ada.id, "BAD_USER_INPUT"), ("nonsense", "BAD_USER_INPUT")):
        before = world.footprint()
        assert world.do("updatePrivacyPreferences", ada, services=[service, wrong]).code == code
        assert world.footprint() == before
    world.do("updatePrivacyPreferences", ada, training=False).data  # noqa: B018 - leaves the list as it is
    told = world.events("preferences.updated")
    assert [each["details"]["services"] for each in told] == [[str(raw_id(service))]] * 2
    assert world.do("updatePrivacyPreferences", ada, wants=wants, services=[]).data["it"]["privacyPreferences"] == {
        "services": []
    }


def test_contributors_are_told_what_begins_and_what_ends(world: World, privacy: Person, security: Person) -> None:
    """A new service is told to everybody, other terms and an end to those whom it concerns; nobody waits for anything."""
    world.register("ada")
    first = approved(world, privacy, security)
    second = approved(world, privacy, security)
    act(world, "disableService", security, first).data  # noqa: B018 - fails where it did not work
    act(world, "disableService", security, proposed(world, privacy)).data  # noqa: B018 - was never told, so has no end
    with transaction(world.house.store.engine, read_only=True) as session:
        told = list(session.scalars(select(PublishedNotice).order_by(PublishedNotice.id)))
        assert {each.kind for each in told} == {NoticeKind.SERVICES}
        assert [each.service_id for each in told] == [None, raw_id(second), raw_id(first)]
        begins, _, ends = told
        assert begins.effective_at - begins.published_at == timedelta(days=14)
        assert begins.title.startswith("Models Ltd begins on ")
        assert "It keeps that for" in begins.body
        assert "Nothing of yours is sent there unless you allow it" in begins.body
        assert (ends.title, ends.effective_at) == ("Models Ltd has ended", ends.published_at)
    assert [each["action"] for each in world.events()].count("notice.published") == 3


# What may be sent: the decision itself, without a server.

GOOD: dict[str, Any] = {
    "kind": ServiceKind.MODEL_PROVIDER,
    "status": ServiceStatus.APPROVED,
    "categories": ["PROMPTS", "ASSETS"],
    "regions": ["EU"],
    "assurance": Assurance.SOC2_TYPE_2,
}


def service(**other: Any) -> Service:
    moment = now()
    said = {
        "id": new_id(), "address": "m.example", "operator": "o", "purpose": "p", "contract": "c", "sub_processors": [],
        "retention_days": 0, "breach_hours": 1, "trains_on_inputs": False, "effective_at": moment - LATER,
        "assessment_expires_at": moment + LATER, "assurance_expires_at": moment + LATER,
    }  # fmt: skip
    return Service(**{**said, **GOOD, **other})


AMISS: list[tuple[dict[str, Any], Objection | None]] = [
    ({}, None),
    ({"status": ServiceStatus.PROPOSED}, Objection.NOT_APPROVED),
    ({"status": ServiceStatus.RETIRED}, Objection.NOT_APPROVED),
    ({"effective_at": now() + LATER}, Objection.NOTICE_PERIOD),
    ({"effective_at": None}, Objection.NOTICE_PERIOD),
    ({"assessment_expires_at": now()}, Objection.ASSESSMENT_EXPIRED),
    ({"assessment_expires_at": None}, Objection.ASSESSMENT_EXPIRED),
    ({"assurance_expires_at": now()}, Objection.ASSURANCE_EXPIRED),
    ({"assurance_expires_at": None}, Objection.ASSURANCE_EXPIRED),
    ({"categories": ["ASSETS"]}, Objection.CATEGORY_NOT_COVERED),
    ({"regions": ["EU", "US"]}, Objection.REGION_NOT_ALLOWED),
    ({"address": "M.example"}, Objection.UNKNOWN),
]


def test_one_thing_that_is_amiss_keeps_a_parcel_back(world: World, subtests: pytest.Subtests) -> None:
    """Everything in order, it may go; each single thing that is not is found, whatever else is."""
    parcel = Parcel("m.example", frozenset({DataCategory.PROMPTS}))
    with world.house.store.begin(agent_scope()) as work:
        for other, objection in AMISS:
            with subtests.test(other=other), work.session.begin_nested() as alone:
                work.session.add(service(**other))
                work.session.flush()
                assert services.examine(work.session, parcel, now(), ["EU"]).objection is objection
                alone.rollback()


def test_consent_is_each_persons_and_for_these_terms(world: World, privacy: Person, security: Person) -> None:
    """Nobody's silence counts, not one of two, and not what was allowed on other terms; somebody gone allows nothing."""
    ada, bob = world.register("ada"), world.register("bob")
    first, second = approved(world, privacy, security), approved(world, privacy, security)
    change(world, first, effective_at=now() - LATER)
    people = frozenset({raw_id(ada.id), raw_id(bob.id)})

    def found(people: frozenset[uuid.UUID] = people) -> Objection | None:
        parcel = Parcel("models.example.org", frozenset({DataCategory.PROMPTS}), people)
        with transaction(world.house.store.engine, read_only=True) as session:
            return services.examine(session, parcel, now()).objection

    assert found() is Objection.CONSENT_MISSING
    world.do("updatePrivacyPreferences", ada, services=[first]).data  # noqa: B018 - fails where it did not work
    assert found() is Objection.CONSENT_MISSING
    world.do("updatePrivacyPreferences", bob, services=[first]).data  # noqa: B018 - as above
    assert found() is None
    assert found(people | {new_id()}) is Objection.CONSENT_MISSING
    change(world, second, effective_at=now() - timedelta(days=1))  # the newer terms hold from here on
    assert found() is Objection.CONSENT_MISSING
    world.do("updatePrivacyPreferences", ada, services=[first, second]).data  # noqa: B018 - as above
    assert found(frozenset({raw_id(ada.id)})) is None
    act(world, "disableService", security, second).data  # noqa: B018 - the older terms hold again
    assert found() is None


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://api.Example.org/v1", "api.example.org"),
        ("https://api.example.org:443/v1", "api.example.org"),
        ("http://127.0.0.1:8080/v1", "127.0.0.1:8080"),
        ("http://api.example.org", "api.example.org"),
        ("https://api.example.org:80", "api.example.org:80"),
    ],
)
def test_a_service_is_known_by_the_host_that_is_called(url: str, address: str) -> None:
    """Whatever the path, and with its port where that is not the usual one."""
    assert services.address_of(url) == address
