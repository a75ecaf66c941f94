"""The transparency log in the API's words."""

import base64

import strawberry

from resolvers import ledger
from resolvers.ledger import Proof
from schema.nodes import Info
from schema.scalars import BigInt
from storage.ledger.tree import Published

NOT_YET = "Null until the first one is published."


@strawberry.type(description="The log that every entry of the audit trail is hashed into. /ledger serves all of it.")
class Ledger:
    """The log as it was last published."""

    published: strawberry.Private[Published | None]

    @strawberry.field(description=f"The newest checkpoint: a signed note (C2SP tlog-checkpoint). {NOT_YET}")
    def checkpoint(self) -> str | None:
        return None if self.published is None else self.published.note

    @strawberry.field(description="Under which name it is signed.")
    def origin(self, info: Info) -> str:
        return info.context.house.store.origin

    @strawberry.field(description="How many entries the newest checkpoint covers.")
    def size(self) -> BigInt:
        return BigInt(0 if self.published is None else self.published.checkpoint.size)

    @strawberry.field(description="The key that verifies it (C2SP signed-note). Compare it with one you got elsewhere.")
    def vkey(self, info: Info) -> str:
        return ledger.key(info.context.house)


@strawberry.type(description="That one entry is in the log, as anybody can verify with the log's public key alone.")
class AuditProof:
    """An inclusion proof (RFC 9162, 2.1.3)."""

    proven: strawberry.Private[Proof]

    @strawberry.field(description="The entry as it was hashed, in base64. It names no person, only commits to them.")
    def leaf(self) -> str:
        return base64.b64encode(self.proven.leaf).decode()

    @strawberry.field(description="The entry's place in the log, counted from 0.")
    def index(self) -> BigInt:
        return BigInt(self.proven.index)

    @strawberry.field(description="The hashes that lead from the leaf to the root, in base64, nearest first.")
    def hashes(self) -> list[str]:
        return [base64.b64encode(each).decode() for each in self.proven.hashes]

    @strawberry.field(description="The checkpoint that signs that root: a signed note (C2SP tlog-checkpoint).")
    def checkpoint(self) -> str:
        return self.proven.published.note

    @strawberry.field(description="Index, hashes and checkpoint as one text to keep (C2SP tlog-proof).")
    def text(self) -> str:
        return self.proven.text
