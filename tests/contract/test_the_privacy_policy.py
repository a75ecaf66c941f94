"""The privacy policy keeps its word: made of the registers, every promise with a test, and in words that people read."""

import ast
import re
from datetime import timedelta
from functools import cache

import pytest

from muniment import privacy as pages
from policies.access import Policy
from resolvers import privacy
from resolvers.house import Limits
from resolvers.privacy import PrivacyPolicy, stated
from schema.api import build
from storage.catalogue import models
from storage.certificates.statements import BackupPeriods
from storage.privacy.cards import CARDS
from storage.privacy.promises import POLICY, Facts, span
from storage.services import ServiceKind
from tests.contract.source import ROOT
from tests.plain_language import jargon, reading, syllables
from tests.registered import service

HARDEST = 9.0
"""The school year by which each part must be read with ease (R106)."""
EXPECTED = {"collected", "used", "shared", "stored", "deleted", "told"}
_FIELD = re.compile(r"\b[a-z]+(?:[A-Z][a-z]+)+\b|MUNIMENT_[A-Z_]+")  # names of the API and of settings are no prose


@cache
def policy() -> Policy:
    return Policy.load(ROOT / "policy.polar")


def made(**facts: object) -> PrivacyPolicy:
    return stated(policy(), Facts(**facts))  # type: ignore[arg-type]


WORST = {
    "services": (
        service("models.example.org", trains_on_inputs=True),
        service("other.example.org", operator="Other Models"),
        service("mail.example.org", operator="Mail House", categories=["CONTACT"], kind=ServiceKind.EMAIL),
    ),
    "backups": BackupPeriods(timedelta(days=35), timedelta(days=60)),
    "mail": True,
}


def pieces(found: PrivacyPolicy) -> dict[str, str]:
    """Everything that people read, part by part."""
    read = {part.name: " ".join([part.title, *(each.text for each in part.promises)]) for part in found.parts}
    for each in found.cards:
        read[f"card {each.card.name}"] = " ".join((each.card.what, each.card.why, each.where, each.how_long, each.who))
    for preference in found.preferences:
        words = (f"{preference.label}.", preference.allows, preference.while_off, preference.withdrawn)
        read[f"preference {preference.name}"] = " ".join(words)
    read["schedule"] = " ".join(f"{rule.what} {rule.trigger} {rule.period}" for rule in found.schedule)
    return {name: _FIELD.sub("it", text) for name, text in read.items()}


@pytest.mark.parametrize("facts", [{}, WORST], ids=["as it comes", "with services, backups and e-mail"])
def test_every_part_is_read_with_ease(facts: dict[str, object]) -> None:
    """No part asks for more than nine years of school; and the measure is no rubber stamp."""
    hard = {name: reading(text).grade for name, text in pieces(made(**facts)).items() if reading(text).grade > HARDEST}
    assert hard == {}


def test_no_part_speaks_like_a_lawyer() -> None:
    """Words that have an everyday rewording stand nowhere in it."""
    assert {name: found for name, text in pieces(made(**WORST)).items() if (found := jargon(text))} == {}


def test_the_measure_tells_plain_from_hard() -> None:
    """Sentences whose grade was worked out by hand, and one as lawyers write it."""
    assert [syllables(word) for word in ("the", "we", "make", "deleted", "e", "program", "people")] == [
        1,
        1,
        1,
        3,
        1,
        2,
        2,
    ]
    plain = reading("The cat sat on the mat.")
    assert (round(plain.grade, 2), round(plain.ease, 1)) == (-1.45, 116.1)
    legal = (
        "Notwithstanding the aforementioned provisions, personal information may be disclosed to affiliated entities."
    )
    assert reading(legal).grade > 15
    assert jargon(legal) == ["aforementioned", "notwithstanding", "personal information"]


def test_the_policy_has_its_parts_and_each_promise_its_test() -> None:
    """Collected, used, shared, kept, deleted, told; a promise whose test is gone is an orphan (R6, R107)."""
    assert {section.name for section in POLICY} == EXPECTED
    promises = [each for section in POLICY for each in section.promises]
    assert len({each.id for each in promises}) == len(promises)
    orphans = []
    for each in promises:
        place, _, name = each.check.partition("::")
        path = ROOT / place
        there = path.is_file() and any(
            isinstance(node, ast.FunctionDef) and node.name == name for node in ast.walk(ast.parse(path.read_text()))
        )
        orphans += [] if there else [each.id]
    assert orphans == []


def test_every_table_about_people_has_a_card() -> None:
    """And no card names a table that there isn't, or one that is another card's."""
    named = [table for card in CARDS for table in card.tables]
    assert len(named) == len(set(named))
    about = {str(model.__tablename__) for model in models() if model.card.subject is not None}
    assert about - set(named) == set()
    assert set(named) - {str(model.__tablename__) for model in models()} == set()


def test_what_people_can_do_is_there() -> None:
    """Each option on a card is a field of the API."""
    schema = build()._schema
    fields = {name for root in (schema.query_type, schema.mutation_type) for name in (root.fields if root else ())}
    assert {option for card in CARDS for option in card.options} - fields == set()


def test_facts_of_the_operator_stand_in_the_policy() -> None:
    """Terms, times and services are the installation's own; each changes the version."""
    plain = made()
    told = made(
        **WORST,
        grant=timedelta(hours=5),
        audit=timedelta(days=90),
        notice=timedelta(days=3),
        service_notice=timedelta(days=9),
    )
    text = " ".join(told.words())
    for said in (
        "models.example.org",
        "it trains models, so you must allow that too",
        "Mail House. They get no work of yours that they can read",
        "9 days before it gets a thing",
        "5 hours",
        "90 days",
        "3 days",
        "35 days",
        "60 days",
    ):
        assert said in text
    assert "by e-mail" in text
    assert "runs on our own machines" in " ".join(plain.words())
    assert told.version != plain.version == made().version
    assert [span(timedelta(**{unit: 1})) for unit in ("days", "hours", "minutes")] == ["1 day", "1 hour", "1 minute"]
    assert privacy.facts(Limits()) == Facts()


def test_who_sees_it_follows_from_the_policy() -> None:
    """Nobody who works here sees a file's card without being let in; who may see an account is named."""
    who = {each.card.name: each.who for each in made().cards}
    for name in ("files", "prompts", "outputs", "style", "projects"):
        assert who[name].endswith("Nobody who works here, unless they are let in.")
    assert "privacy officers, security and support can see that it is there, but not what it says" in who["account"]
    assert "security can read it too" in who["record"]


def test_the_page_in_docs_is_what_the_registers_say() -> None:
    """docs/privacy-policy.md is generated. `python -m muniment.privacy` writes it anew."""
    assert pages.main(["--check"]) == 0
