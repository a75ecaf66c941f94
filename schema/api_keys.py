"""API keys in the API's words."""

from datetime import datetime
from typing import ClassVar

import strawberry

from policies.actions import Action
from resolvers import api_keys
from resolvers.api_keys import IssuedKey
from schema.guards import mutation
from schema.ids import decode_id_of
from schema.nodes import Info, Node, plain, sealed
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.sessions import ApiKey as ApiKeyRow


@strawberry.type(description="A key for programs that act for you. It can do less than you, never more.")
class ApiKey(Node):
    """A key, without its secret."""

    record: ClassVar = ApiKeyRow
    actions: ClassVar = (Action.READ, Action.READ_CONTENT, Action.REVOKE)

    name: str = sealed("name", str, "What you call it.")
    prefix: str = plain("prefix", str, "The part of the key that is no secret, to recognise it by.")
    scopes: list[str] = plain("scopes", list[str], "What it may be used for: read, write, export.")
    created_at: datetime = plain("created_at", datetime, "When it was issued.")
    expires_at: datetime = plain("expires_at", datetime, "When it ends by itself.")
    last_used_at: datetime | None = plain("last_used_at", datetime | None, "When it was last used, to the minute.")
    exports_held_at: datetime | None = plain(
        "exports_held_at", datetime | None, "Since when it exports nothing because of an incident: stepUp releases it."
    )
    suspended_at: datetime | None = plain(
        "suspended_at", datetime | None, "Since when it does not work because of an incident; staff have been told."
    )
    revoked_at: datetime | None = plain("revoked_at", datetime | None, "When it was revoked.")


@strawberry.input(description="A new key.")
class CreateApiKeyInput:
    """Input of createApiKey."""

    name: str = strawberry.field(description="What to call it.")
    scopes: list[str] = strawberry.field(description="One or more of read, write, export.")
    expires_at: datetime = strawberry.field(description="When it ends, at most a year ahead.")


@strawberry.input(description="Which key.")
class RotateApiKeyInput:
    """Input of rotateApiKey."""

    api_key_id: strawberry.ID = strawberry.field(description="The key to replace.")


@strawberry.input(description="Which key.")
class RevokeApiKeyInput:
    """Input of revokeApiKey."""

    api_key_id: strawberry.ID = strawberry.field(description="The key to end.")


@strawberry.type(description="A key with its secret.")
class ApiKeySecretPayload:
    """Answer of createApiKey and rotateApiKey."""

    api_key: ApiKey = strawberry.field(description="The key.")
    secret: str = strawberry.field(description="Send it as `Authorization: Bearer …`. Shown this once.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type(description="The key that has ended.")
class RevokeApiKeyPayload:
    """Answer of revokeApiKey."""

    api_key: ApiKey = strawberry.field(description="The key.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


def _shown_once(info: Info, issued: IssuedKey) -> ApiKeySecretPayload:
    return ApiKeySecretPayload(api_key=ApiKey.of(issued.key), secret=issued.secret, audit_event_id=audit_event_id(info))


@strawberry.type
class ApiKeyMutations:
    """Mutations about keys for programs."""

    @mutation("Issue a key for a program. Its secret is shown once. The scope export needs stepUp.")
    def create_api_key(self, info: Info, input: CreateApiKeyInput) -> ApiKeySecretPayload:
        return _shown_once(info, api_keys.create(info.context, input.name, input.scopes, input.expires_at))

    @mutation("Replace a key by a new one of the same name, scopes and end. The old one stops working at once.")
    def rotate_api_key(self, info: Info, input: RotateApiKeyInput) -> ApiKeySecretPayload:
        key = decode_id_of("ApiKey", input.api_key_id, "apiKeyId")
        return _shown_once(info, api_keys.rotate(info.context, key))

    @mutation("End a key at once.")
    def revoke_api_key(self, info: Info, input: RevokeApiKeyInput) -> RevokeApiKeyPayload:
        row = api_keys.revoke(info.context, decode_id_of("ApiKey", input.api_key_id, "apiKeyId"))
        return RevokeApiKeyPayload(api_key=ApiKey.of(row), audit_event_id=audit_event_id(info))
