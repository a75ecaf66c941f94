"""myData in the API's words."""

from datetime import datetime

import strawberry

from resolvers import holdings
from schema.guards import question
from schema.nodes import Info
from schema.quotas import StorageQuota, quota_of
from schema.scalars import BigInt


@strawberry.type(description="One kind of record that is held about you.")
class HeldData:
    """A table's share of one person."""

    kind: str = strawberry.field(description="The kind of record.")
    about: str = strawberry.field(description="What it is.")
    count: int = strawberry.field(description="How many of them are about you.")
    where: str = strawberry.field(description="Where they are kept.")
    sealed: list[str] = strawberry.field(description="Which of their fields are kept as ciphertext only.")
    keyed: list[str] = strawberry.field(description="Which are kept as a keyed hash: can be found again, not read.")
    in_clear: list[str] = strawberry.field(description="Which are in clear: ids, times, sizes, states.")
    kept: str = strawberry.field(description="How long they stay.")
    exported_as: str | None = strawberry.field(description="The file of an export that has them.")
    not_exported_because: str | None = strawberry.field(description="Why no export has them, where none does.")


@strawberry.type(description="What one part of the platform, or one kind of caller, did with your data.")
class DataTouch:
    """A line of the access log, added up."""

    who: str = strawberry.field(description="The component: api, or an agent by its name.")
    action: str = strawberry.field(description="What it did; see docs/audit-events.md.")
    times: int = strawberry.field(description="How often.")
    last_at: datetime = strawberry.field(description="When last. accessLog has each single one.")


@strawberry.type(description="A provider of models to which your prompts, and assets given with them, went.")
class ServiceCopy:
    """What was sent to be answered."""

    provider: str = strawberry.field(description="Who answered: offline is this server itself.")
    model: str = strawberry.field(description="Which model.")
    outputs: int = strawberry.field(description="How many outputs came back.")
    first_at: datetime = strawberry.field(description="When the first did.")
    last_at: datetime = strawberry.field(description="When the last did.")


@strawberry.type(description="What a provider of models outside this server was sent of your work.")
class SentElsewhere:
    """Copies at one provider."""

    provider: str = strawberry.field(description="The host it was sent to.")
    model: str = strawberry.field(description="Which model.")
    works: int = strawberry.field(description="How many prompts, and assets given with them, as far as they still are.")
    times: int = strawberry.field(description="How often they were sent, failed attempts counted.")
    last_sent_at: datetime = strawberry.field(description="When last.")
    expires_at: datetime | None = strawberry.field(
        description="When the last of it is gone there. Null where the operator has not said how long it is kept."
    )


@strawberry.type(description="Something you can do about your data.")
class Right:
    """A right, and whether it works now."""

    mutation: str = strawberry.field(description="The mutation by which you use it.")
    about: str = strawberry.field(description="What it does.")
    possible: bool = strawberry.field(description="Whether it works as you are signed in now.")
    needs_step_up: bool = strawberry.field(description="Whether it works once you have proved again who you are.")


@strawberry.type(description="Everything that is held about you, where, how protected, how long, and who came near it.")
class MyData:
    """The answer to: what do you have on me?"""

    as_of: datetime = strawberry.field(description="Of which moment.")
    held: list[HeldData] = strawberry.field(description="Every kind of record there can be, also where you have none.")
    file_bytes: BigInt = strawberry.field(description="Bytes of files kept for you: uploads, thumbnails, archives.")
    quota: StorageQuota = strawberry.field(description="How much room your uploads take of it, and may take.")
    files_are: str = strawberry.field(description="Where files are kept, and how protected.")
    keysets: int = strawberry.field(description="Keysets of yours in the key store. Destroying them destroys the rest.")
    touched: list[DataTouch] = strawberry.field(description="Who else came near your data, the latest first.")
    copies: list[ServiceCopy] = strawberry.field(description="Which services were sent any of it.")
    sent_elsewhere: list[SentElsewhere] = strawberry.field(
        description="Copies that lie with others, and until when. A deletion names them in its certificate."
    )
    rights: list[Right] = strawberry.field(description="What you can do now.")


def my_data(info: Info) -> MyData:
    """The caller's, or refused."""
    found = holdings.mine(info.context)
    where = f"Database ({found.store}); keys apart from it, in the key store."
    return MyData(
        as_of=found.as_of,
        held=[
            HeldData(
                kind=each.kind,
                about=each.about,
                count=each.count,
                where=where,
                sealed=list(each.sealed),
                keyed=list(each.keyed),
                in_clear=list(each.plain),
                kept=each.kept,
                exported_as=each.exported_as,
                not_exported_because=each.not_exported,
            )
            for each in found.held
        ],
        file_bytes=BigInt(found.file_bytes),
        quota=quota_of(found.quota),
        files_are="File store; each file sealed under a key of its own, which yours wraps.",
        keysets=found.keysets,
        touched=[
            DataTouch(who=each.component, action=each.action, times=each.times, last_at=each.last_at)
            for each in found.touched
        ],
        copies=[
            ServiceCopy(
                provider=each.provider,
                model=each.model,
                outputs=each.outputs,
                first_at=each.first_at,
                last_at=each.last_at,
            )
            for each in found.copies
        ],
        sent_elsewhere=[
            SentElsewhere(
                provider=each.provider,
                model=each.model,
                works=each.works,
                times=each.times,
                last_sent_at=each.last_sent_at,
                expires_at=each.expires_at,
            )
            for each in found.sent
        ],
        rights=[
            Right(mutation=each.mutation, about=each.about, possible=each.possible, needs_step_up=each.needs_step_up)
            for each in found.rights
        ],
    )


@strawberry.type
class HoldingsQueries:
    """Root query fields about what is held."""

    @question(
        "Everything that is held about you: what, where, how protected, how long, who came near it, what you can do."
    )
    def my_data(self, info: Info) -> MyData:
        return my_data(info)
