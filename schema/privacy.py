"""The privacy policy and its data cards in the API's words."""

import strawberry

from resolvers import privacy
from schema.guards import question
from schema.nodes import Info

_OPEN = "what is promised to everybody is nobody's secret"


@strawberry.type(description="One promise, in plain words.")
class PrivacyPromise:
    """A sentence or a few."""

    id: str = strawberry.field(description="What it is known by, and stays.")
    text: str = strawberry.field(description="What is promised.")
    check: str = strawberry.field(description="The test of the program that shows that it is kept.")


@strawberry.type(description="A part of the policy: a question, and what is promised about it.")
class PrivacySection:
    """A section."""

    name: str = strawberry.field(description="What it is known by.")
    title: str = strawberry.field(description="The question.")
    promises: list[PrivacyPromise] = strawberry.field(description="The answers.")


@strawberry.type(description="What people are promised about their data. `/privacy` shows the same as a page.")
class PrivacyPolicy:
    """The policy, as this installation keeps it."""

    version: str = strawberry.field(description="Changes with any word of it.")
    sections: list[PrivacySection] = strawberry.field(description="Its parts.")


@strawberry.type(description="One kind of data about a person: what, why, where, how long, who sees it, what to do.")
class DataCard:
    """A card."""

    name: str = strawberry.field(description="What it is known by.")
    title: str = strawberry.field(description="What it is called.")
    what: str = strawberry.field(description="What it is.")
    why: str = strawberry.field(description="What it is there for.")
    where: str = strawberry.field(description="Where it is kept, and how protected.")
    how_long: str = strawberry.field(description="How long it stays.")
    who: str = strawberry.field(description="Who sees it.")
    options: list[str] = strawberry.field(description="Fields of this API by which you do something about it.")
    tables: list[str] = strawberry.field(
        description="The tables it is kept in; docs/data-inventory.md has each column."
    )


@strawberry.type
class PrivacyQueries:
    """Questions about what is promised."""

    @question("What people are promised about their data, in plain words.", public=_OPEN)
    def privacy_policy(self, info: Info) -> PrivacyPolicy:
        found = privacy.policy_of(info.context.house)
        sections = [
            PrivacySection(
                name=part.name,
                title=part.title,
                promises=[PrivacyPromise(id=each.id, text=each.text, check=each.check) for each in part.promises],
            )
            for part in found.parts
        ]
        return PrivacyPolicy(version=found.version, sections=sections)

    @question("Each kind of data about a person, on a card.", public=_OPEN)
    def data_cards(self, info: Info) -> list[DataCard]:
        return [
            DataCard(
                name=each.card.name,
                title=each.card.title,
                what=each.card.what,
                why=each.card.why,
                where=each.where,
                how_long=each.how_long,
                who=each.who,
                options=list(each.card.options),
                tables=list(each.card.tables),
            )
            for each in privacy.policy_of(info.context.house).cards
        ]
