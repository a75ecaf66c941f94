"""Callers of the API, in process: each runs operations as the endpoint does, less the bytes."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine, event

from resolvers.context import Context
from resolvers.house import House
from resolvers.identity import identify
from schema.api import Schema
from schema.errors import coded

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Caller:
    """Someone with a token, or nobody."""

    house: House
    schema: Schema
    token: str | None = None

    def run(self, document: str, **variables: Any) -> dict[str, Any]:
        """The data of an operation that must succeed."""
        data, errors = self._run(document, variables)
        assert errors == []
        assert data is not None
        return data

    def refused(self, document: str, **variables: Any) -> list[str]:
        """The codes of an operation that must fail."""
        _, errors = self._run(document, variables)
        assert errors
        return [error["extensions"]["code"] for error in errors]

    def registered(self, name: str = "Ada") -> "Caller":
        """A new contributor, signed in."""
        document = """mutation ($input: RegisterContributorInput!) {
            registerContributor(input: $input) { session { token } } }"""
        told = {"email": f"{uuid.uuid4().hex}@example.org", "password": PASSWORD, "displayName": name}
        return replace(self, token=self.run(document, input=told)["registerContributor"]["session"]["token"])

    def created_project(self, name: str = "Harbour") -> str:
        """A project of this caller's; answers its id."""
        document = "mutation ($input: CreateProjectInput!) { createProject(input: $input) { project { id } } }"
        return str(self.run(document, input={"name": name})["createProject"]["project"]["id"])

    def created_asset(self, project_id: str, title: str = "Quay") -> str:
        """An asset awaiting its upload; answers its id."""
        document = "mutation ($input: CreateAssetInput!) { createAsset(input: $input) { asset { id } } }"
        told = {"projectId": project_id, "fileName": "q.txt", "mediaType": "text/plain", "byteSize": 3, "title": title}
        return str(self.run(document, input=told)["createAsset"]["asset"]["id"])

    def _run(self, document: str, variables: dict[str, Any]) -> tuple[dict[str, Any] | None, list[Any]]:
        context = Context(self.house, identify(self.house, self.token))
        result = self.schema.execute_sync(document, variable_values=variables, context_value=context)
        errors = coded(result.errors, context.asking.correlation_id) if result.errors else []
        return result.data, [error.formatted for error in errors]


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """The statements that reach the database while the block runs, those that start and end transactions left out."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "SAVEPOINT", "RELEASE")):
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)
