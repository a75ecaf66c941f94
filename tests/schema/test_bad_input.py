"""What can't be used as it is gets a coded error that names the field, and leaves nothing behind."""

import json
import uuid
from typing import Any

import pytest

from tests.world import Person, World, global_id, raw_id

GARBAGE = ["", "x", "\x00", "é", "Project:1", "UHJvamVjdDp4", "A" * 5000, "null", "../../x"]


@pytest.fixture
def ada(world: World) -> Person:
    return world.register("ada")


NO_PROMPTS: list[tuple[dict[str, Any], str]] = [
    ({"text": ""}, "text"),
    ({"text": " \n\t\u3000"}, "text"),
    ({"text": "x" * 100_000}, "text"),
    ({"text": "x" * 20_001}, "text"),
    ({"text": "a\x00b"}, "text"),
    ({"variations": 0}, "variations"),
    ({"variations": -1}, "variations"),
    ({"variations": 1000}, "variations"),
    ({"model": "gpt-absent"}, "model"),
    ({"model": ""}, "model"),
    ({"model": "\x00"}, "model"),
    ({"parameters": {"temperature": -0.1}}, "parameters.temperature"),
    ({"parameters": {"temperature": 2.1}}, "parameters.temperature"),
    ({"parameters": {"temperature": 1e308}}, "parameters.temperature"),
    ({"parameters": {"maxTokens": 0}}, "parameters.maxTokens"),
    ({"parameters": {"maxTokens": 100_000}}, "parameters.maxTokens"),
    ({"parameters": {"seed": -1}}, "parameters.seed"),
    ({"assetIds": ["x"]}, "assetIds"),
    (
        {"assetIds": [global_id("Asset", raw_id("QXNzZXQ6MDFhMjBhYmNjNmZhNzFiOWEyMDkyNDdiMjI0ZGVjOGU"))] * 2},
        "assetIds",
    ),
]


def test_a_prompt_that_can_not_be_is_refused(world: World, ada: Person, subtests: pytest.Subtests) -> None:
    """Empty, blank, too long, unstorable, or asking for what models don't do."""
    project = world.project(ada)
    for given, field in NO_PROMPTS:
        with subtests.test(given=given, field=field):
            with world.unchanged():
                refused = world.do("submitPrompt", ada, **{"projectId": project, "text": "Write.", **given})
            assert (refused.code, refused.field) == ("BAD_USER_INPUT", field)
            assert "xxxx" not in refused.message


def test_the_longest_prompt_that_fits_is_taken(world: World, ada: Person) -> None:
    """20,000 characters go in and come out unchanged, whatever script they are in."""
    project = world.project(ada)
    text = "Ω" * 19_999 + "🧵"
    prompt = world.prompt(ada, project, text)
    found = world.ask("query($id: ID!) { prompt(id: $id) { text } }", ada, id=prompt).data
    assert found == {"prompt": {"text": text}}


def test_assets_of_a_prompt_are_ready_and_of_its_project(world: World, ada: Person) -> None:
    """Those of another project, those without bytes, those of strangers and too many of them are refused."""
    project, other = world.project(ada), world.project(ada)
    ready, waiting, elsewhere = world.asset(ada, project), world.announce(ada, project)[0], world.asset(ada, other)
    ben = world.register("ben")
    foreign = world.asset(ben, world.project(ben))
    many = [global_id("Asset", raw_id(ready))[:-2] + f"{n:02d}" for n in range(11)]
    for assets, code in (
        ([elsewhere], "BAD_USER_INPUT"),
        ([waiting], "BAD_USER_INPUT"),
        ([ready, ready], "BAD_USER_INPUT"),
    ):
        with world.unchanged():
            refused = world.do("submitPrompt", ada, projectId=project, text="W", assetIds=assets)
        assert (refused.code, refused.field) == (code, "assetIds")
    assert world.do("submitPrompt", ada, projectId=project, text="W", assetIds=many).code == "BAD_USER_INPUT"
    with world.unchanged("access.denied"):
        assert world.do("submitPrompt", ada, projectId=project, text="W", assetIds=[ready, foreign]).code == "NOT_FOUND"
    assert world.do("submitPrompt", ada, projectId=project, text="W", assetIds=[ready]).code is None


NO_ASSETS: list[tuple[dict[str, Any], str, str]] = [
    ({"mediaType": "application/x-msdownload"}, "mediaType", "BAD_USER_INPUT"),
    ({"mediaType": "text/html"}, "mediaType", "BAD_USER_INPUT"),
    ({"mediaType": "image/svg+xml"}, "mediaType", "BAD_USER_INPUT"),
    ({"mediaType": "TEXT/PLAIN"}, "mediaType", "BAD_USER_INPUT"),
    ({"mediaType": "text/plain; charset=utf-7"}, "mediaType", "BAD_USER_INPUT"),
    ({"mediaType": ""}, "mediaType", "BAD_USER_INPUT"),
    ({"mediaType": "\x00"}, "mediaType", "BAD_USER_INPUT"),
    ({"byteSize": 0}, "byteSize", "BAD_USER_INPUT"),
    ({"byteSize": -1}, "byteSize", "BAD_USER_INPUT"),
    ({"byteSize": 2**40}, "byteSize", "PAYLOAD_TOO_LARGE"),
    ({"byteSize": 2**31 + 1}, "byteSize", "PAYLOAD_TOO_LARGE"),
    ({"byteSize": 2**60}, "byteSize", "BAD_USER_INPUT"),
    ({"byteSize": 1.5}, "byteSize", "BAD_USER_INPUT"),
    ({"byteSize": "9"}, "byteSize", "BAD_USER_INPUT"),
    ({"byteSize": True}, "byteSize", "BAD_USER_INPUT"),
    ({"fileName": ""}, "fileName", "BAD_USER_INPUT"),
    ({"fileName": "x" * 256}, "fileName", "BAD_USER_INPUT"),
    ({"fileName": "a\x00.txt"}, "fileName", "BAD_USER_INPUT"),
    ({"title": " "}, "title", "BAD_USER_INPUT"),
    ({"title": "x" * 301}, "title", "BAD_USER_INPUT"),
    ({"description": "x" * 10_001}, "description", "BAD_USER_INPUT"),
    ({"tags": ["x"] * 51}, "tags", "BAD_USER_INPUT"),
    ({"tags": [""]}, "tags", "BAD_USER_INPUT"),
    ({"tags": ["x" * 81]}, "tags", "BAD_USER_INPUT"),
]


def test_an_asset_that_can_not_be_is_refused(world: World, ada: Person, subtests: pytest.Subtests) -> None:
    """Types that browsers run, sizes that are none, and words that can't be kept."""
    project = world.project(ada)
    for given, field, code in NO_ASSETS:
        with subtests.test(given=given, field=field, code=code):
            said = {"projectId": project, "fileName": "f.txt", "mediaType": "text/plain", "byteSize": 9, **given}
            with world.unchanged():
                refused = world.do("createAsset", ada, **said)
            assert (refused.code, refused.field) == (code, field)


def test_a_file_name_is_kept_and_never_a_path(world: World, ada: Person) -> None:
    """Whatever it says, it names nothing on our disk and breaks no header."""
    name = '../../etc/pass"wd\r\nX: y;é.txt'
    asset = world.asset(ada, world.project(ada), b"hello", fileName=name)
    found = world.ask("query($id: ID!) { asset(id: $id) { fileName title } }", ada, id=asset).data["asset"]
    assert found == {"fileName": name, "title": name}
    got = world.client.get(world.content_url(ada, asset))
    assert got.headers["content-disposition"].startswith("attachment; filename*=UTF-8''..%2F..%2Fetc%2Fpass%22wd%0D%0A")
    assert "x" not in got.headers


ARGUMENTS = [
    ("query($id: ID!) { contributor(id: $id) { id } }", "id"),
    ("query($id: ID!) { project(id: $id) { id } }", "id"),
    ("query($id: ID!) { asset(id: $id) { id } }", "id"),
    ("query($id: ID!) { prompt(id: $id) { id } }", "id"),
    ("query($id: ID!) { output(id: $id) { id } }", "id"),
    ("query($id: ID!) { node(id: $id) { id } }", "id"),
    ("query($id: ID!) { nodes(ids: [$id]) { id } }", "ids"),
    ("query($id: ID!) { assets(projectId: $id) { totalCount } }", "projectId"),
    ("query($id: ID!) { prompts(projectId: $id) { totalCount } }", "projectId"),
    ("query($id: ID!) { outputs(projectId: $id) { totalCount } }", "projectId"),
    ("query($id: ID!) { outputs(promptId: $id) { totalCount } }", "promptId"),
    *(
        (f"mutation($id: ID!) {{ {name}(input: {{{argument}: $id {more}}}) {{ auditEventId }} }}", argument)
        for name, argument, more in (
            ("updateProject", "projectId", ', name: "N"'),
            ("shareProject", "projectId", ', email: "b@example.org", role: VIEWER'),
            ("unshareProject", "projectId", ', email: "b@example.org"'),
            ("createAsset", "projectId", ', fileName: "f", mediaType: "text/plain", byteSize: 1'),
            ("updateAsset", "assetId", ', title: "T"'),
            ("submitPrompt", "projectId", ', text: "W"'),
            ("cancelPrompt", "promptId", ""),
            ("requestExport", "projectId", ", scope: PROJECT"),
            ("mintExportLink", "exportId", ""),
            ("rotateApiKey", "apiKeyId", ""),
            ("revokeApiKey", "apiKeyId", ""),
            ("deleteAsset", "assetId", ""),
            ("deletePrompt", "promptId", ""),
            ("deleteOutput", "outputId", ""),
            ("deleteProject", "projectId", ""),
        )
    ),
]


def test_ids_that_are_none_are_told_so_wherever_they_are_passed(world: World, ada: Person) -> None:
    """Garbage, and the id of a thing of another type, is BAD_USER_INPUT with the argument's name; nothing happens."""
    foreign = global_id("Deletion", raw_id(ada.id))
    with world.unchanged():
        for query, field in ARGUMENTS:
            any_type = "node" in query
            for bad in GARBAGE if any_type else [*GARBAGE, foreign]:
                refused = world.ask(query, ada, id=bad)
                assert (refused.code, refused.field) == ("BAD_USER_INPUT", field), (query, bad)


def test_ids_of_nothing_are_not_found(world: World, ada: Person) -> None:
    """A well-formed id that names nothing is NOT_FOUND, or null where the schema has room for it."""
    for query, field in ARGUMENTS:
        kind = {"id": query.split("{ ")[1].split("(")[0].title(), "ids": "Asset", "apiKeyId": "ApiKey"}.get(
            field, field.removesuffix("Id").title()
        )
        answer = world.ask(query, ada, id=global_id("Asset" if kind == "Node" else kind, uuid.uuid4()))
        if "Count" in query or "node" in query:
            assert answer.code is None, query
        else:
            assert answer.code == "NOT_FOUND", query


NO_EXPORTS: list[tuple[dict[str, Any], str]] = [
    ({"scope": "PROJECT"}, "BAD_USER_INPUT"),
    ({"scope": "EVERYTHING"}, "BAD_USER_INPUT"),
    ({"scope": "PROJECT", "projectId": None}, "BAD_USER_INPUT"),
]


def test_an_export_of_nothing_in_particular_is_refused(world: World, ada: Person, subtests: pytest.Subtests) -> None:
    """Scope and project go together."""
    world.step_up(ada)
    for given, code in NO_EXPORTS:
        with subtests.test(given=given, code=code), world.unchanged():
            assert world.do("requestExport", ada, **given).code == code
            assert world.do("deleteAccount", ada, confirm=False).code == "BAD_USER_INPUT"


def test_a_variable_of_the_wrong_type_is_told_by_its_name_and_not_repeated(world: World, ada: Person) -> None:
    """What was sent may be content: the error says where it was wrong, not what it was."""
    secret = "a-secret-nobody-should-echo"
    for given in ({"name": {"x": secret}}, {"name": [secret]}, {"absent": secret}, {"name": 1, "more": secret}, {}):
        refused = world.ask(
            "mutation($i: CreateProjectInput!) { createProject(input: $i) { auditEventId } }", ada, i=given
        )
        assert (refused.status, {error["extensions"]["code"] for error in refused.errors}) == (400, {"BAD_USER_INPUT"})
        assert secret not in json.dumps(refused.body)


def test_text_keeps_every_character_on_both_databases(world: World, ada: Person) -> None:
    """Quotes, markup, bidirectional marks, combining characters and emoji come back as they went in."""
    name = "Robert'); DROP TABLE projects;-- <b>\u202e\u0301🧵{{7*7}}%s\\"
    project = world.project(ada, name)
    assert world.ask("query($id: ID!) { project(id: $id) { name } }", ada, id=project).data == {
        "project": {"name": name}
    }


def test_sharing_needs_a_role_and_an_account(world: World, ada: Person) -> None:
    """With nobody, with oneself, or as something that is no role: refused; unsharing with somebody outside, too."""
    project = world.project(ada)
    with world.unchanged():
        assert world.do("shareProject", ada, projectId=project, email="none", role="VIEWER").field == "email"
        assert world.do("shareProject", ada, projectId=project, email=ada.email, role="VIEWER").code == "CONFLICT"
        assert world.do("shareProject", ada, projectId=project, email=ada.email, role="OWNER").code == "BAD_USER_INPUT"
        assert world.do("unshareProject", ada, projectId=project, email="x@example.org").code == "BAD_USER_INPUT"
    before = world.footprint() | {"sign_in_throttles": None}
    assert world.do("shareProject", ada, projectId=project, email="x@example.org", role="VIEWER").code == "NOT_FOUND"
    assert world.footprint() | {"sign_in_throttles": None} == before  # the guess was counted
