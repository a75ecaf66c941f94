"""Services in the API's words."""

import strawberry

from schema.guards import question
from schema.nodes import Info
from storage.services import Terms

strawberry.enum(
    Terms,
    name="ServiceTerms",
    description="What whoever runs a service does with what they are sent: it is this platform's own; somebody else's "
    "who promised not to train models on it; or somebody else's who promised nothing.",
)


@strawberry.type(description="A model, and whose machine answers as it.")
class Service:
    """A place to which work may go."""

    name: str = strawberry.field(description="Its host, as `services` of your preferences names it.")
    model: str = strawberry.field(description="The model that answers there, as submitPrompt takes it.")
    terms: Terms = strawberry.field(description="What they do with what they are sent.")
    outside: bool = strawberry.field(
        description="Whether it is outside this platform: then nothing of yours goes there before you allow it."
    )


@strawberry.type
class ServicesQueries:
    """Questions about services."""

    @question("Where models answer, the default first.", public="what is promised to everybody is nobody's secret")
    def services(self, info: Info) -> list[Service]:
        return [
            Service(name=each.name, model=each.model, terms=each.terms, outside=each.outside)
            for each in info.context.limits.services
        ]
