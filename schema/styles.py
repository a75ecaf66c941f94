"""The learned style in the API's words."""

from datetime import datetime
from typing import Any

import strawberry

from policies.actions import Action
from resolvers import styles as use_cases
from schema.guards import mutation, question
from schema.nodes import Info
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage import styles
from storage.styles import MEASURES


@strawberry.type(description="One average over your briefs.")
class StyleMeasure:
    """A line of a profile."""

    name: str = strawberry.field(description="What correctStyleProfile calls it.")
    about: str = strawberry.field(description="What is measured.")
    learned: float = strawberry.field(description="What was learned.")
    corrected: float | None = strawberry.field(description="What you put in its place; null if you did not.")


@strawberry.type(description="What agents learned of how you write: averages, and no word of yours.")
class StyleProfile:
    """A profile, opened."""

    briefs: int = strawberry.field(description="From how many briefs.")
    measures: list[StyleMeasure] = strawberry.field(description="Each average, and what you put right.")
    in_words: str | None = strawberry.field(description="What a model is told for it; null while there is nothing.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    viewer_can: list[Action] = strawberry.field(description="What you may do with it at this moment.")


@strawberry.input(description="Measures to put right. What is left out stays; null takes your correction back.")
class CorrectStyleProfileInput:
    """Input of correctStyleProfile."""

    sentence_words: float | None = strawberry.field(default=strawberry.UNSET, description=MEASURES[0].about)
    word_letters: float | None = strawberry.field(default=strawberry.UNSET, description=MEASURES[1].about)
    variety: float | None = strawberry.field(default=strawberry.UNSET, description=MEASURES[2].about)
    questions: float | None = strawberry.field(default=strawberry.UNSET, description=MEASURES[3].about)
    exclamations: float | None = strawberry.field(default=strawberry.UNSET, description=MEASURES[4].about)
    first_person: float | None = strawberry.field(default=strawberry.UNSET, description=MEASURES[5].about)


@strawberry.type(description="The profile as it is now.")
class CorrectStyleProfilePayload:
    """Answer of correctStyleProfile."""

    style_profile: StyleProfile = strawberry.field(description="What agents go by from the next step on.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type(description="It is gone.")
class DeleteStyleProfilePayload:
    """Answer of deleteStyleProfile."""

    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


def shown(found: use_cases.Style) -> StyleProfile:
    """A profile in the API's words."""
    by_hand = styles.corrections(found.profile)
    measures = [
        StyleMeasure(
            name=each.name,
            about=each.about,
            learned=float(found.profile.get(each.name, 0.0)),
            corrected=by_hand.get(each.name),
        )
        for each in MEASURES
    ]
    return StyleProfile(
        briefs=found.profile["briefs"],
        measures=measures,
        in_words=styles.in_words(found.profile),
        updated_at=found.row.updated_at,
        viewer_can=[each for each in (Action.READ, Action.READ_CONTENT, Action.UPDATE) if each in found.row.decisions],
    )


@strawberry.type
class StyleQueries:
    """Questions about the learned style."""

    @question("What agents learned of how you write, while you let them; null where nothing is kept.")
    def style_profile(self, info: Info) -> StyleProfile | None:
        found = use_cases.mine(info.context)
        return None if found is None else shown(found)


@strawberry.type
class StyleMutations:
    """Mutations about the learned style."""

    @mutation("Put right what was learned of your style. Agents go by your correction, whatever they learn later.")
    def correct_style_profile(self, info: Info, input: CorrectStyleProfileInput) -> CorrectStyleProfilePayload:
        said: Any = input
        changes = {each.name: getattr(said, each.name) for each in MEASURES}
        given = {name: value for name, value in changes.items() if value is not strawberry.UNSET}
        style = use_cases.correct(info.context, given)
        return CorrectStyleProfilePayload(style_profile=shown(style), audit_event_id=audit_event_id(info))

    @mutation(
        "Delete what was learned of your style. To have nothing learned again, switch styleLearning off, which deletes "
        "it too."
    )
    def delete_style_profile(self, info: Info) -> DeleteStyleProfilePayload:
        use_cases.forget(info.context)
        return DeleteStyleProfilePayload(audit_event_id=audit_event_id(info))
