"""Attempts to change what one may not see tell nothing: somebody's thing and no thing are refused alike."""

import base64
import uuid
from collections.abc import Callable, Iterator

import pytest
from graphql import GraphQLInputObjectType, get_named_type, is_required_input_field

from schema.lookups import KINDS
from tests.schema.inference import cast as casts
from tests.schema.inference.answers import ask
from tests.schema.inference.cast import Cast
from tests.schema.inference.documents import SCHEMA, Pools, Question, value
from tests.world import World, global_id

Statements = Callable[[], list[str]]

SENSIBLE = {
    "role": "VIEWER",
    "scope": "PROJECT",
    "mediaType": "text/plain",
    "email": "zoe@example.org",
}
"""What fields are given so that an input is refused for the thing it names, and not before. The rest goes by type."""

REFUSED_EARLIER = {
    "openInvestigation": "staff alone may open one; tests/resolvers/test_investigations.py asks in earnest",
    "placeLegalHold": "staff alone may place one; tests/resolvers/test_legal_holds.py asks in earnest",
    "reloadPolicy": "a proposal is nobody's, and staff alone see one; tests/resolvers/test_reloading.py asks in earnest",
    "publishNotice": "staff's alone; tests/resolvers/test_notices.py asks in earnest",
    "reassignFollowUp": "its owner is of staff, no thing of the API's; tests/resolvers/test_follow_ups.py asks in earnest",
    "registerChange": "staff alone may register one; tests/resolvers/test_changes.py asks in earnest",
    "removePasskey": "passkeys are no things of the policy's; tests/resolvers/test_staff_passkeys.py asks in earnest",
    "assignRole": "staff are no things of the API's; tests/resolvers/test_appointments.py asks in earnest",
    "revokeRole": "staff are no things of the API's; tests/resolvers/test_appointments.py asks in earnest",
    "removeStaff": "staff are no things of the API's; tests/resolvers/test_leaving.py asks in earnest",
    "reviewAccess": "its note has to say something; tests/resolvers/test_reviews.py asks in earnest",
    "requestAccess": "its fields depend on one another; tests/resolvers/test_grants.py asks in earnest",
}
"""Mutations whose generated input is refused before anything is looked for, with the reason. They are tried all the same."""

NOBODY_S = "00000000-0000-7000-8000-000000000000"


def changes() -> Iterator[tuple[str, str]]:
    """Every mutation and every field of its input that names a thing, by their names."""
    assert SCHEMA.mutation_type is not None
    for name, mutation in SCHEMA.mutation_type.fields.items():
        for argument in mutation.args.values():
            kind = get_named_type(argument.type)
            if isinstance(kind, GraphQLInputObjectType):
                for field, found in kind.fields.items():
                    if str(get_named_type(found.type)) == "ID":
                        yield name, field


def attempt(cast: Cast, mutation: str, field: str, named: str) -> Question:
    """The mutation with a sensible input, and this id in this field."""
    assert SCHEMA.mutation_type is not None
    argument = SCHEMA.mutation_type.fields[mutation].args["input"]
    kind = get_named_type(argument.type)
    assert isinstance(kind, GraphQLInputObjectType)
    pools = Pools([named], cast.cursors, ("words",))
    given = {
        each: value(each, found.type, pools, lambda several: several[0])
        for each, found in kind.fields.items()
        if each == field or is_required_input_field(found)
    }
    given |= {each: said for each, said in SENSIBLE.items() if each in kind.fields}
    for other, found in kind.fields.items():  # other ids lead to something of one's own
        if str(get_named_type(found.type)) == "ID" and other in given and other != field:
            mine = next(each for each in cast.known if each.startswith(_beginning(other)))
            given[other] = [] if str(found.type).startswith("[") else mine
    document = f"mutation($input: {argument.type}) {{ it: {mutation}(input: $input) {{ __typename }} }}"
    return Question(document, {"input": given})


def _named(field: str) -> str:
    """The kind of thing that a field of an input names: `assetIds` an Asset, `grantId` an AccessGrant."""
    name = field.removesuffix("s").removesuffix("Id")
    name = name[0].upper() + name[1:]
    return next((kind for kind in sorted(KINDS) if kind.endswith(name)), "Project")


def _beginning(field: str) -> str:
    return base64.urlsafe_b64encode(f"{_named(field)}:".encode()).decode().rstrip("=")[:6]


def test_there_are_changes_to_try() -> None:
    """The list is read from the schema: what is added there is tried here."""
    assert len(set(changes())) >= 16


@pytest.mark.one_database("sqlite", reason="as test_queries.py: what a refusal tells is made above every database")
def test_a_foreign_thing_is_refused_as_one_that_never_was(world: World, statements: Statements) -> None:
    """Same status, words, fields, statements and trail, from every caller, for every id in every input."""
    cast = casts.make(world)
    for caller in cast.callers:
        unseen = {(type(row).__name__, getattr(row, "id", None)) for row in cast.unseen(caller)}
        with cast.beside(caller):
            before = world.footprint()
            for mutation, field in changes():
                kind = _named(field)
                row = cast.hidden_id(kind)
                if (kind, row) not in unseen:
                    continue
                named = [global_id(kind, each) for each in (row, uuid.UUID(NOBODY_S))]
                tried = [attempt(cast, mutation, field, each) for each in named]
                there, gone = (
                    ask(world, cast.callers[caller], each.document, statements, **each.variables) for each in tried
                )
                assert there == gone, f"{caller}: {mutation}.{field}"
                if caller == "ada, stepped up" and mutation not in REFUSED_EARLIER:
                    assert '"NOT_FOUND"' in there.body, f"{mutation}.{field} is refused before it looks: {there.body}"
            assert world.footprint() == before, caller


def test_guessing_who_has_an_account_ends(world: World) -> None:
    """Ten e-mails without an account in a quarter of an hour; then known ones are refused in the same words."""
    ada, bob = world.register("ada"), world.register("bob")
    project = world.project(ada)
    codes = [
        world.do("shareProject", ada, projectId=project, email=f"nobody{number}@example.org", role="VIEWER").code
        for number in range(world.house.limits.sign_in_failures)
    ]
    assert codes == ["NOT_FOUND"] * len(codes)
    before = world.footprint()
    told_of = [
        world.do("shareProject", ada, projectId=project, email=email, role="VIEWER")
        for email in ("nobody@example.org", bob.email)
    ]
    assert [answer.code for answer in told_of] == ["RATE_LIMITED"] * 2
    assert told_of[0].message == told_of[1].message
    assert world.footprint() == before
    denied = [event["details"] for event in world.events("access.denied")]
    assert [each["code"] for each in denied] == ["NOT_FOUND"] * len(codes) + ["RATE_LIMITED"] * 2
    world.share(bob, world.project(bob), ada, "VIEWER")  # somebody else's guesses are counted apart


def test_signing_in_and_taking_back_a_share_say_nothing_of_an_account(world: World, statements: Statements) -> None:
    """An e-mail with and without an account: the same answer in the same number of statements, the same trail."""
    ada, bob = world.register("ada"), world.register("bob")
    project = world.project(ada)
    world.employ()
    signing_in = 'signIn(input: {email: $email, password: "not the password"})'
    taking_back = f'unshareProject(input: {{projectId: "{project}", email: $email}})'
    for caller, asked in ((None, signing_in), (ada, taking_back)):
        document = f"mutation($email: String!) {{ it: {asked} {{ __typename }} }}"
        seen = [ask(world, caller, document, statements, email=email) for email in (bob.email, "nobody@example.org")]
        assert seen[0].body == seen[1].body
        assert seen[0].statements == seen[1].statements
        assert [each.replace("WRONG_SECRET", "UNKNOWN_ACCOUNT") for each in seen[0].recorded] == list(seen[1].recorded)
