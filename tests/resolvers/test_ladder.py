"""The ladder: what each caller is told about each thing, and the silence after a refusal."""

from datetime import timedelta

import pytest

from policies.actions import Action
from resolvers import identity
from tests.resolvers import ladder
from tests.world import Answer, World


def _told(answer: Answer) -> str:
    if answer.code is None:
        return "-" if answer.data["it"] else "0"
    return next((sign for sign, code in ladder.CODES.items() if code == answer.code), answer.code)


def _recorded(world: World, since: int) -> list[tuple[str, str, str | None]]:
    return [
        (event["action"], event["details"].get("attempted"), event["details"].get("code"))
        for event in world.events(since=since)
    ]


def _counted(world: World, since: int, refused: dict[str, str]) -> bool:
    """Whether the refusals of nobody, who are counted by address, are all in one entry, which names none but them."""
    [event] = world.events(since=since)
    expected = {_entry(operation, sign)[1:] for operation, sign in refused.items()}
    kinds = [each.split(":") for each in event["details"]["denials"]]
    named = {(name, code.upper()) for name, _, code, _ in kinds}
    return event["details"]["denialCount"] == len(refused) and named <= expected


def _entry(operation: str, sign: str) -> tuple[str, str, str | None]:
    """What the trail says of a refusal."""
    name = "".join("_" + letter.lower() if letter.isupper() else letter for letter in operation.split()[0])
    return "access.denied", name, "NOT_FOUND" if sign == "0" else ladder.CODES[sign]


def test_each_caller_is_told_what_the_policy_says_and_nothing_happens_after_a_refusal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every operation from every rung: the exact code; after a refusal no row, job, keyset or file, and one entry.

    Everything is looked at before the first refusal of a rung and after its last: with a look at each of a thousand,
    looking took as long as refusing.
    """
    # A key's use is noted in its row, to the minute: however long this takes, that is no change of what was refused.
    monkeypatch.setattr(identity, "_NOTE_USE_EVERY", timedelta(days=1))
    scene = ladder.make(world)
    wrong = []
    for column, rung in enumerate(ladder.RUNGS):
        asked = [each for each in ladder.GRID if each not in ladder.WITHOUT_INPUT]
        asked += [each for each in ladder.WITHOUT_INPUT if rung != "owner"]
        expected = {operation: ladder.GRID[operation].split()[column] for operation in asked}
        refused = {operation: sign for operation, sign in expected.items() if sign != "-"}
        allowed = [each for each in expected if each not in refused and each != "signOut"]  # test_identity.py signs out
        before, since = world.footprint(), world.told()
        told = {operation: _told(scene.ask(operation, rung)) for operation in refused}
        recorded, after = _recorded(world, since), world.footprint()
        wrong += [f"{rung}: {name} changed in a refusal" for name in after if after[name] != before[name]]
        if rung == "nobody":
            recorded = recorded if not _counted(world, since, refused) else [_entry(*each) for each in refused.items()]
        if recorded != [_entry(operation, sign) for operation, sign in refused.items()]:
            wrong.append(f"{rung}: recorded {recorded}")
        told |= {operation: _told(scene.ask(operation, rung)) for operation in allowed}
        wrong += [
            f"{rung} {operation}: {sign} instead of {expected[operation]}"
            for operation, sign in told.items()
            if sign != expected[operation]
        ]
    assert wrong == []


def test_what_is_not_yours_answers_as_what_does_not_exist(world: World) -> None:
    """A stranger gets the same words for a thing of somebody's and for a thing that never was."""
    scene = ladder.make(world)
    nowhere = ladder.elsewhere(scene.ids)
    for operation, row in ladder.GRID.items():
        if row.split()[1] not in "N0":
            continue
        real, absent = scene.ask(operation, "stranger"), scene.ask(operation, "stranger", **nowhere)
        assert real.same == absent.same, operation


def test_lists_hold_nothing_that_is_not_yours(world: World) -> None:
    """Lists, counts and filters by a foreign id say nothing about other people's things."""
    scene = ladder.make(world)
    names = ("outputs", "exports", "deletions", "apiKeys")
    parts = [f"{name} {{ totalCount edges {{ node {{ id }} }} }}" for name in names]
    narrowed = "a: outputs(projectId: $p) { totalCount } b: outputs(promptId: $q) { totalCount }"
    query = f"query($p: ID!, $q: ID!) {{ {' '.join(parts)} {narrowed} }}"
    for rung in ("stranger", "departing", "support", "write_key"):
        found = world.ask(query, scene.people[rung], p=scene.ids["project"], q=scene.ids["prompt"]).data
        own = {"deletions": 1} if rung == "departing" else {}
        assert {name: page["totalCount"] for name, page in found.items()} == {**dict.fromkeys(found, 0), **own}, rung


def test_whoever_is_leaving_sees_their_own_deletion_and_nothing_else(world: World) -> None:
    """The token of a closed account watches the deletion; the work it led to is out of reach from that moment."""
    leaving = world.register("leaving")
    project = world.project(leaving)
    world.step_up(leaving)
    deletion = world.do("deleteAccount", leaving, wants="deletion { id }", confirm=True).data["it"]["deletion"]["id"]
    found = world.ask("query($id: ID!) { node(id: $id) { ... on Deletion { status scope } } }", leaving, id=deletion)
    assert found.data["node"] == {"status": "REQUESTED", "scope": "ACCOUNT"}
    assert world.ask("query($id: ID!) { project(id: $id) { id } }", leaving, id=project).code == "NOT_FOUND"
    viewer = world.ask("{ viewer { kind principalId contributor { id } } }", leaving).data["viewer"]
    assert viewer == {"kind": "DEPARTING", "principalId": leaving.id, "contributor": None}
    assert world.sign_in(leaving.email).code == "UNAUTHENTICATED"


def test_what_the_viewer_can_do_is_what_the_door_lets_them(world: World) -> None:
    """`viewerCan` of a project says for owner, editor and viewer what the grid says will work."""
    scene = ladder.make(world)
    can = {
        rung: set(
            world.ask(
                "query($id: ID!) { project(id: $id) { viewerCan } }", scene.people[rung], id=scene.ids["project"]
            ).data["project"]["viewerCan"]
        )
        for rung in ("owner", "editor", "viewer")
    }
    reading = {Action.READ.name, Action.READ_CONTENT.name}
    working = reading | {Action.CREATE_ASSET.name, Action.SUBMIT_PROMPT.name, Action.UPDATE.name}
    assert can == {"viewer": reading, "editor": working, "owner": working | {Action.SHARE.name}}


def test_sealed_fields_are_refused_to_a_key_that_may_not_read(world: World) -> None:
    """A key that only writes sees states; asking it for content is FORBIDDEN, once in the trail for a whole list."""
    owner = world.register("owner")
    project = world.project(owner)
    for _ in range(3):
        world.prompt(owner, project)
    _, key = world.key(owner, "write")
    assert (
        world.ask("{ prompts { edges { node { status } } } }", key).data["prompts"]["edges"]
        == [{"node": {"status": "QUEUED"}}] * 3
    )
    with world.unchanged("access.denied"):
        refused = world.ask("{ prompts { edges { node { text } } } }", key)
    assert {error["extensions"]["code"] for error in refused.errors} == {"FORBIDDEN"}
    assert refused.body["data"] is None
