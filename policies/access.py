"""The one door. Every row that leaves storage for a principal has passed through here.

    access.select(Asset, Action.READ)          a Select of the rows that may be read, each with its decisions as columns
    access.get(Asset, id, Action.DELETE)       the row, or a refusal
    access.check(Action.CREATE_PROJECT)        for what is done on no row

A row comes with what the principal may do with it, decided by the compiled policy in the statement that loads it.
"""

import uuid
from collections.abc import Iterable
from typing import Any, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import Session

from policies.actions import Action
from policies.compiled import Policy
from policies.decisions import AFTER_STEP_UP, Decisions, keys_of
from policies.errors import Forbidden, NotFound, StepUpRequired
from policies.facts import parameters_of, shape_of
from policies.plans import Row
from policies.principals import Principal
from storage.pages import DECISION, with_decisions
from storage.reading import Door
from storage.records import Record

__all__ = ["Access", "Policy"]

Model = TypeVar("Model", bound=Record)


class Access:
    """What one principal may do, by one version of the policy, in one session."""

    def __init__(self, policy: Policy, principal: Principal, session: Session) -> None:
        self.policy = policy
        self.principal = principal
        self._session = session
        self._shape = shape_of(principal)
        self._parameters = parameters_of(principal)
        self.strayed: set[tuple[str, Action]] = set()
        """What was asked for, model and action, that the policy gives nobody of this principal's sort on any row."""

    def select(self, model: type[Record], action: Action, also: Iterable[Action] = ()) -> Select[Any]:
        """The rows of `model` that the principal may `action`, for `storage.pages.fetch`; narrow and order it freely.

        Each row comes with a boolean column `may_<action>` for `action`, for each action that opens
        something sealed in it (`read_content` and its like), and for each of `also`. The ids of the principal are bound
        already. Raises PolicyError for a model that the policy has no block for.
        """
        return self._decisions(model, action).listing(action, also).params(**self._parameters)

    def listed(self, model: type[Record], action: Action, also: Iterable[Action] = ()) -> Door:
        """The rows of `select` for `storage.reading.read_page`, and where a list of all of them should begin.

        That are the keys of the same rows, found from what the principal has, so that others' rows cost nothing; None:
        anywhere. They decide nothing: the statement still does.
        """
        decisions = self._decisions(model, action)
        return Door(decisions.listing(action, also), decisions.keys(action), self._parameters)

    def get(
        self,
        model: type[Model],
        identity: uuid.UUID | tuple[uuid.UUID, ...],
        action: Action,
        also: Iterable[Action] = (),
    ) -> Model:
        """The row of `model` with this primary key, if the principal may `action` it. One statement.

        Raises NotFound where the principal may not read it, whether it exists or not; Forbidden where they may read it
        and not do this; StepUpRequired where only the proof is missing that it is still they.
        """
        statement = self._decisions(model, action).one(action, also)
        key = identity if isinstance(identity, tuple) else (identity,)
        named = dict(zip(keys_of(model), key, strict=True))
        found = self._session.execute(statement, {**self._parameters, **named}).one_or_none()
        if found is None:
            raise NotFound(model.__name__, action, key[0] if len(key) == 1 else None)
        if found._mapping[DECISION + action] is not True:
            if found._mapping[AFTER_STEP_UP] is True:
                raise StepUpRequired(model.__name__, action)
            raise Forbidden(model.__name__, action)
        row: Model = with_decisions(found)
        return row

    def reaches_all(self, model: type[Record], action: Action) -> bool:
        """Return whether the principal may `action` each row of `model` there is or was, whatever stands in it."""
        return Row() in self._decisions(model, action).plans.get(action, frozenset())

    def platform(self) -> frozenset[Action]:
        """What the principal may do on the platform itself, as it is at this moment."""
        return self.policy.platform_actions(self._shape)

    def check(self, action: Action) -> None:
        """Return if the principal may `action` on the platform itself; raise StepUpRequired or Forbidden if not."""
        if action in self.policy.platform_actions(self._shape):
            return
        if action in self.policy.platform_actions(self._shape.after_step_up()):
            raise StepUpRequired("Platform", action)
        raise Forbidden("Platform", action)

    def _decisions(self, model: type[Record], action: Action) -> Decisions:
        found = self.policy.decisions(self._shape, model)
        if not found.plans.get(action):
            self.strayed.add((model.__name__, action))
        return found
