"""Populations in the API's words."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from resolvers import populations
from resolvers.errors import BadInput
from schema.guards import question
from schema.nodes import Info
from storage.populations.catalogue import PopulationName
from storage.populations.envelopes import Sample
from storage.populations.gathering import Period

PAGE = 100

strawberry.enum(
    PopulationName,
    description="What auditors ask for: everything of a kind in a period. Where each is answered from stands in "
    "docs/operations/evidence.md.",
)


@strawberry.input(description="From one moment to another, by the server's clock.")
class PeriodInput:
    """A period."""

    from_: datetime = strawberry.field(name="from", description="Its beginning.")
    to: datetime = strawberry.field(description="Its end, which is not in it. Not ahead, and at most 400 days later.")


@strawberry.input(description="A sample that anybody can draw again.")
class SampleInput:
    """A sample."""

    size: int = strawberry.field(description="How many rows, at most 1000.")
    seed: int = strawberry.field(description="The number it is drawn by: the same one always draws the same rows.")


Of = Annotated[PopulationName, strawberry.argument(description="Which.")]
During = Annotated[PeriodInput, strawberry.argument(description="When.")]
Drawn = Annotated[SampleInput | None, strawberry.argument(description="A sample of it; left out: all of it.")]
FirstRow = Annotated[int, strawberry.argument(description="How many rows, at most 100.")]
Skip = Annotated[int, strawberry.argument(description="How many rows to pass over, in the order of the population.")]


@strawberry.type(description="Everything of a kind in a period, with how it came about.")
class Population:
    """A population."""

    found: strawberry.Private[populations.Collected]
    lines: strawberry.Private[list[bytes]]

    @strawberry.field(description="Which.")
    def name(self) -> PopulationName:
        return self.found.population.name

    @strawberry.field(description="What it answers.")
    def question(self) -> str:
        return self.found.population.question

    @strawberry.field(description="Whether anything here records it. False: `limitations` says where to look instead.")
    def available(self) -> bool:
        return self.found.available

    @strawberry.field(description="How many rows it has in all, a sample left aside.")
    def row_count(self) -> int:
        return int(self.found.envelope["rowCount"])

    @strawberry.field(description="What it does not show.")
    def limitations(self) -> list[str]:
        return list(self.found.envelope["limitations"])

    @strawberry.field(
        description="The evidence envelope: who asked, when, for which period, by which query, how many rows there are "
        "by a second count, the SHA-256 over all lines, the newest checkpoint of the trail, gaps, and limits."
    )
    def envelope(self) -> JSON:
        return JSON(self.found.envelope)

    @strawberry.field(description="These rows, each as its line of JSON: with a line feed each, what is hashed.")
    def rows(self) -> list[str]:
        return [line.decode().rstrip("\n") for line in self.lines]


@strawberry.type
class PopulationQueries:
    """Questions of auditors."""

    @question("Everything of a kind in a period, or a sample of it, for auditors. That it was asked for is recorded.")
    def population(
        self, info: Info, name: Of, period: During, sample: Drawn = None, first: FirstRow = PAGE, skip: Skip = 0
    ) -> Population:
        if not 0 <= first <= PAGE:
            raise BadInput(f"first must lie between 0 and {PAGE}.", field="first")
        if skip < 0:
            raise BadInput("skip must not be negative.", field="skip")
        asked = None if sample is None else Sample(sample.size, sample.seed)
        found = populations.collect(info.context, name, Period(period.from_, period.to), asked)
        return Population(found=found, lines=found.lines[skip : skip + first])
