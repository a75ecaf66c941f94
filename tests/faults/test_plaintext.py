"""The marker: put into everything that carries content, and found nowhere in clear but where its owner asked for it."""

import random
import uuid
import warnings
import zipfile
from base64 import b64encode
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, get_named_type

from muniment.homes import prepare
from muniment.house import open_house
from muniment.variables import load
from resolvers import staff
from storage.clock import now
from storage.keys.kms import InsecureWarning
from storage.staff import StaffRole
from tests.agents.standins import StandIn
from tests.faults.hunts import Hunt, spellings, table_dump
from tests.faults.servers import Server, serving, settled, wait_for
from tests.resolvers import follow_ups
from tests.resolvers.ladder import MUTATIONS
from tests.world import ROOT, Answer, Person, code_of, global_id

READ = """query($id: ID!) { node(id: $id) {
    __typename
    ... on Project { name } ... on Asset { title fileName contentUrl } ... on Prompt { text } ... on Output { text }
} }"""


@pytest.fixture
def marker(chance: random.Random) -> str:
    """A word that is nowhere else."""
    return "vermilion" + "".join(chance.choices("abcdefghjkmnpqrstuvwxyz", k=15))


def photo(marker: str) -> bytes:
    """The beginning of a JPEG whose EXIF block has a comment."""
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + marker.encode() * 100
    return b"\xff\xd8\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + b"\xff\xd9"


def test_the_marker_is_found_nowhere_in_clear(
    home: Path, database_url: str, stand_in: StandIn, marker: str, chance: random.Random
) -> None:
    """Not on disk, in the middle or at the end; not in what is logged; not in a process; not in others' answers."""
    stand_in.words, stand_in.pause = [f"{marker} "] * 20, 0.05
    member = employed(home, database_url)
    with serving(home, database_url, model_url=stand_in.url, key_cache_seconds=1) as server:
        server.api.client.headers["user-agent"] = f"Browser {marker}"
        assert_found_where_it_is(server, marker)
        with Hunt(server, marker) as hunt:
            called = listening(server)
            owner = server.api.register(marker, password=f"{marker} {marker}")
            work = everything(server, owner, marker, hunt)
            staff_ask(server, owner, work["project"], marker, member)
            assert marker.encode() in work.pop("archive")
            assert_others_learn_nothing(server, list(work.values()), marker)
            everything_wrong(server, owner, work, marker, stand_in)
            assert taking_words() - called == set(NO_CONTENT), "put the marker into it, or say why it has no content"
            settled(server)
            hunt.sample()
            if database_url.startswith("postgresql"):
                for name, row in table_dump(server):
                    hunt.look(name, row)
        assert hunt.found == set()
        assert list(server.temporary.iterdir()) == []
        assert hunt.samples > 10
        assert {"keys.sqlite3", "process.log"} <= hunt.seen


NO_CONTENT = {
    "announceMaintenance": "takes what staff tell everybody, which is nobody's secret",
    "explainOutage": "takes what staff tell everybody, which is nobody's secret",
    "confirmTotp": "takes six digits",
    "linkIdentity": "takes a token that an issuer signed",
    "publishNotice": "takes what staff tell everybody, which is nobody's secret",
    "reloadPolicy": "takes the hash of a file that the operator has put there",
}


def taking_words() -> set[str]:
    """The mutations that take text of people's own."""
    mutations = build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8")).mutation_type
    assert mutations is not None
    return {
        name
        for name, field in mutations.fields.items()
        for argument in field.args.values()
        for part in getattr(get_named_type(argument.type), "fields", {}).values()
        if str(get_named_type(part.type)) == "String"
    }


def listening(server: Server) -> set[str]:
    """The names of all mutations that are asked for from now on."""
    called: set[str] = set()
    do = server.api.do

    def noted(name: str, by: Person | str | None, /, **given: Any) -> Answer:
        called.add(name)
        return do(name, by, **given)

    server.api.do = noted  # type: ignore[method-assign]
    return called


def employed(home: Path, database_url: str) -> dict[StaffRole, staff.Hired]:
    """Somebody of security and somebody of privacy, from before the server starts."""
    settings = load(home=home, database_url=database_url)
    prepare(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)
        with open_house(settings) as house:
            return {
                role: staff.add(house, f"{role.lower()}@example.org", [role])
                for role in (StaffRole.SECURITY, StaffRole.PRIVACY)
            }


def staff_ask(server: Server, owner: Person, project: str, marker: str, hired: dict[StaffRole, staff.Hired]) -> None:
    """What staff write about somebody's case has the marker too; they read the work under the grant."""
    api, soon = server.api, (now() + timedelta(hours=1)).isoformat()
    member, privacy = (
        api.sign_in(f"{role.lower()}@example.org", each.password, totp=code_of(each.second_factor)).data["it"][
            "session"
        ]["token"]
        for role, each in hired.items()
    )
    asked = api.do(
        "requestAccess",
        member,
        wants="accessGrant { id }",
        contributorId=owner.id,
        scope="PROJECT",
        objectId=project,
        reasonCode="SECURITY_INCIDENT",
        justification=f"A case about {marker} and no other.",
        ticket=f"CASE-{marker}",
        expiresAt=soon,
    )
    grant = asked.data["it"]["accessGrant"]["id"]
    api.do("consentToAccess", owner, accessGrantId=grant).data  # noqa: B018
    assert marker in str(api.ask(READ, member, id=project).body)
    into = {"personId": owner.id, "reason": f"Somebody wrote {marker} to us.", "expiresAt": soon}
    api.do("openInvestigation", member, wants="investigation { id }", **into).data  # noqa: B018
    api.do("endAccess", owner, accessGrantId=grant).data  # noqa: B018
    note = f"What was opened of {marker} is what the case was about."
    api.do("reviewAccess", privacy, accessGrantId=grant, verdict="JUSTIFIED", note=note).data  # noqa: B018
    reviewed(server, member, privacy, marker)
    privacy_writes(server, owner, privacy, marker)
    incident_told(server, owner, member, privacy, marker)
    changed(server, member, marker)
    appointed(server, member, marker)
    locked_down(server, (member, privacy), hired, marker)


def changed(server: Server, member: str, marker: str) -> None:
    """Why something is to change, how it was tried, and why it is not to, have the marker."""
    said = MUTATIONS["registerChange"]({}) | {"why": f"Somebody needs {marker} badly.", "tests": f"With {marker}."}
    said |= {"assessment": f"Nobody but {marker} notices anything of it at all."}
    made = server.api.do("registerChange", member, wants="change { id why }", **said).data["it"]["change"]
    assert marker in made["why"]
    own = server.api.do("approveChange", member, changeId=made["id"], note=f"I looked at {marker}.")
    assert own.code == "FORBIDDEN"
    server.api.do("denyChange", member, changeId=made["id"], note=f"Not for {marker}.").data  # noqa: B018


def appointed(server: Server, member: str, marker: str) -> None:
    """Who is to work here, and why, has the marker."""
    said = {"email": f"{marker}@example.org", "roles": ["SUPPORT"], "why": f"To look after {marker}."}
    made = server.api.do("addStaff", member, wants="appointment { id staffId email why }", **said).data["it"][
        "appointment"
    ]
    assert marker.lower() in made["email"]
    more = {"staffId": made["staffId"], "role": "PRIVACY", "why": f"To look after {marker} as well."}
    assert server.api.do("assignRole", member, **more).code == "NOT_FOUND"
    server.api.do("denyAppointment", member, appointmentId=made["id"]).data  # noqa: B018


def locked_down(server: Server, tokens: tuple[str, str], hired: dict[StaffRole, staff.Hired], marker: str) -> None:
    """Why the platform was locked down has the marker."""
    api = server.api
    for token, each in zip(tokens, hired.values(), strict=True):
        api.do("stepUp", token, totp=code_of(each.second_factor, 1)).data  # noqa: B018
    wants = "lockdown { id reason }"
    begun = api.do("lockDown", tokens[0], wants=wants, reason=f"Somebody has the key of {marker}.", hours=1).data["it"]
    assert marker in begun["lockdown"]["reason"]
    api.do("endLockdown", tokens[1], lockdownId=begun["lockdown"]["id"]).data  # noqa: B018


def reviewed(server: Server, member: str, privacy: str, marker: str) -> None:
    """Why somebody keeps what is in a review of access."""
    wants = "accessReview { items { edges { node { id } } } }"
    opened = server.api.do("openAccessReview", member, wants=wants, **MUTATIONS["openAccessReview"]({})).data["it"]
    item = opened["accessReview"]["items"]["edges"][0]["node"]["id"]
    said = {"accessReviewItemId": item, "decision": "KEEP", "note": f"It is there for {marker}."}
    server.api.do("decideAccessReviewItem", privacy, **said).data  # noqa: B018


def incident_told(server: Server, owner: Person, member: str, privacy: str, marker: str) -> None:
    """The owner is refused again and again until the sentinel looks; what people write about that has the marker."""
    api = server.api
    for _ in range(20):
        assert api.do("deleteProject", owner, projectId=global_id("Project", uuid.uuid4())).code == "NOT_FOUND"
    listing = '{ incidents(detection: "D03") { edges { node { id } } } }'
    wait_for(lambda: bool(api.ask(listing, member).data["incidents"]["edges"]))
    which = {"incidentId": api.ask(listing, member).data["incidents"]["edges"][0]["node"]["id"]}
    api.do("triageIncident", member, **which, decision="CONFIRMED", words=f"It was not {marker}.").data  # noqa: B018
    notice = f"Somebody else had your token, and fetched {marker} with it. It is not good any more."
    api.do("draftIncidentNotice", member, **which, text=notice).data  # noqa: B018
    api.do("notifyAffected", privacy, **which).data  # noqa: B018
    recovered = {"step": "RECOVERED", "words": f"All of {marker} is as before."}
    api.do("recordIncidentStep", member, **which, **recovered).data  # noqa: B018
    followed_up(server, member, privacy, which, marker)
    assert api.do("liftIncidentMeasure", member, **which, words=f"The key of {marker}.").code == "CONFLICT"


def followed_up(server: Server, member: str, privacy: str, which: dict[str, str], marker: str) -> None:
    """What it harmed, what caused it, what is to be done and what was have the marker."""
    api, own = server.api, server.api.ask("{ viewer { principalId } }", member).data["viewer"]["principalId"]
    said = follow_ups.review(own, impact=f"All of {marker} was read.", rootCause=f"A token of {marker} lay about.")
    said["followUps"][0]["task"] = f"Find each token of {marker}."
    wants = "incident { impact rootCause followUps { edges { node { id task } } } }"
    words = f"It began with {marker}."
    done = api.do("recordIncidentStep", member, wants=wants, **which, step="REVIEWED", words=words, review=said).data
    assert str(done).count(marker) == 3
    follow_up = done["it"]["incident"]["followUps"]["edges"][0]["node"]["id"]
    api.do("completeFollowUp", member, followUpId=follow_up, note=f"No token of {marker} is left.").data  # noqa: B018
    seen = {"followUpId": follow_up, "done": False, "note": f"There is another of {marker}."}
    api.do("reviewFollowUp", privacy, **seen).data  # noqa: B018
    other = api.ask("{ viewer { principalId } }", privacy).data["viewer"]["principalId"]
    given = {"followUpId": follow_up, "ownerId": other, "note": f"They know {marker} better."}
    api.do("reassignFollowUp", member, **given).data  # noqa: B018


def privacy_writes(server: Server, owner: Person, privacy: str, marker: str) -> None:
    """A complaint and a correction with their answers, a legal hold, and what was found about a service."""
    api, later = server.api, (now() + timedelta(days=30)).isoformat()
    wants = "rightsRequest { id }"
    api.do("correctMyData", owner, displayName=f"{marker} Corrected", note=f"It says {marker}.").data  # noqa: B018
    filed = api.do("fileComplaint", owner, wants=wants, topic="USE", text=f"You used {marker}.").data["it"]
    answered = {"rightsRequestId": filed["rightsRequest"]["id"], "answer": f"We did not use {marker}."}
    api.do("answerRightsRequest", privacy, **answered).data  # noqa: B018
    hold = {"contributorId": owner.id, "scope": "ACCOUNT", "reasonCode": "LITIGATION", "reviewAt": later}
    api.do("placeLegalHold", privacy, reason=f"A court asks for {marker}.", matter=marker, **hold).data  # noqa: B018
    terms: dict[str, Any] = MUTATIONS["registerService"]({})
    service = api.do("registerService", privacy, wants="service { id }", **terms).data["it"]["service"]["id"]
    found = {**MUTATIONS["assessService"]({"service": service}), "assessment": f"It has never heard of {marker}."}
    api.do("assessService", privacy, **found).data  # noqa: B018
    risk = {"number": str(uuid.uuid4()), "reason": f"Mended once {marker} is gone.", "until": later}
    assert api.do("acceptFinding", privacy, **risk).code == "NOT_FOUND"


def assert_found_where_it_is(server: Server, marker: str) -> None:
    """The hunt finds what lies about, so that finding nothing means something."""
    planted = {
        "plain": marker.encode(),
        "base64": b64encode(b"x" + marker.encode() + b"y"),
        "hex": marker.encode().hex().encode(),
    }
    for name, content in planted.items():
        (server.temporary / name).write_bytes(content)
    hunt = Hunt(server, marker)
    hunt.sample()
    assert hunt.found == {f"temporary/{name}" for name in planted}
    for name in planted:
        (server.temporary / name).unlink()


def everything(server: Server, owner: Person, marker: str, hunt: Hunt) -> dict[str, Any]:
    """Each operation that carries content, with the marker in it. Answers what came of them."""
    api = server.api
    api.do("updatePrivacyPreferences", owner, styleLearning=True).data  # noqa: B018 - fails the test if refused
    api.do("updateNoticeSettings", owner, webhookUrl=f"https://hooks.example.org/{marker}").data  # noqa: B018 - as above
    project = api.project(owner, marker)
    api.do("updateProject", owner, projectId=project, name=f"Renamed {marker}").data  # noqa: B018
    words = {"title": marker, "description": f"About {marker}", "tags": [marker], "fileName": f"{marker}.txt"}
    brief = f"A brief about {marker}.\n".encode() * 50_000
    text, url = api.announce(owner, project, len(brief), **words)
    with server.half_an_upload(url, brief) as connection:
        wait_for(lambda: [path for path in server.incoming() if path.stat().st_size])
        sampled = hunt.samples
        wait_for(lambda: hunt.samples > sampled + 2)
        connection.sendall(brief[len(brief) // 2 :])
        assert b" 201 " in connection.recv(100)
    image = photo(marker)
    picture = api.asset(owner, project, image, **words | {"fileName": f"{marker}.jpg", "mediaType": "image/jpeg"})
    api.do("updateAsset", owner, assetId=text, title=f"{marker} again", tags=[marker, "tag"]).data  # noqa: B018
    _, partly = api.announce(owner, project, len(brief), **words)
    for start in range(0, len(brief), 600_000):
        headers = {"content-type": "application/offset+octet-stream", "upload-offset": str(start)}
        part = api.client.patch(partly, content=brief[start : start + 600_000], headers=headers)
        assert part.status_code == 204, part.text
        hunt.sample()
    search = "query($s: String!) { assets(search: $s) { totalCount } prompts(search: $s) { totalCount } }"
    assert api.ask(search, owner, s=marker).data["assets"]["totalCount"] == 3
    again = f'mutation {{ createProject(input: {{name: "Once {marker}"}}) {{ auditEventId }} }}'
    told = {"authorization": f"Bearer {owner.token}", "idempotency-key": marker}
    for _ in range(2):
        assert "errors" not in api.client.post("/graphql", json={"query": again}, headers=told).json()
    friend = api.register(f"friend{marker}")
    api.share(owner, project, friend, "VIEWER")
    api.do("unshareProject", owner, projectId=project, email=friend.email).data  # noqa: B018
    prompt = api.prompt(owner, project, f"Write about {marker}.", assetIds=[text, picture], variations=2)
    wait_for(lambda: server.count("outputs") >= 1)
    api.do("stepUp", owner, password=f"{marker} {marker}").data  # noqa: B018
    api.key(owner, "read", name=marker)
    asked = api.do("requestExport", owner, wants="export { id }", scope="ACCOUNT").data["it"]["export"]["id"]
    settled(server)
    output = api.ask("query($id: ID!) { prompt(id: $id) { outputs { edges { node { id text } } } } }", owner, id=prompt)
    made = output.data["prompt"]["outputs"]["edges"][0]["node"]
    assert marker in made["text"]
    assert api.client.get(api.content_url(owner, text)).content == brief
    assert api.client.get(api.content_url(owner, picture)).content == image
    link = api.do("mintExportLink", owner, wants="url", exportId=asked).data["it"]["url"]
    with zipfile.ZipFile(BytesIO(api.client.get(link).content)) as archive:
        archived = b"".join(archive.read(name) for name in archive.namelist())
    things = {"project": project, "text": text, "picture": picture, "prompt": prompt, "output": made["id"]}
    return things | {"export": asked, "archive": archived}


def assert_others_learn_nothing(server: Server, things: list[str], marker: str) -> None:
    """Another contributor, and nobody in particular, ask for all of it: no answer has the marker, nor an id's word."""
    stranger = server.api.register("stranger")
    for asker in (stranger, None):
        for thing in things:
            answer = server.api.ask(READ, asker, id=thing)
            assert answer.status < 500
            assert not any(spelling in str(answer.body).encode() for spelling in spellings(marker)), answer.body
    query = "{ projects { totalCount } auditEvents(first: 50) { edges { node { details } } } }"
    listed = server.api.ask(query, stranger)
    assert marker not in str(listed.body)


def everything_wrong(server: Server, owner: Person, work: dict[str, Any], marker: str, stand_in: StandIn) -> None:
    """The marker in what is refused: each time a coded error, never a 500."""
    api, project = server.api, work["project"]
    ends = (now() + timedelta(days=900)).isoformat()
    answers = [
        api.ask(f'{{ project(id: "{marker}") {{ id }} }}', owner),
        api.ask(f"{{ {marker} }}", owner),
        api.ask("{ viewer { kind } ", owner, note=marker),
        api.ask(f'{{ projects(after: "{marker}") {{ totalCount }} }}', owner),
        api.ask("query($n: Int!) { projects(first: $n) { totalCount } }", owner, n=marker),
        api.ask("{ viewer { kind } }", marker),
        api.do("createProject", owner, name=marker * 100),
        api.do("submitPrompt", owner, projectId=project, text=f"{marker} " * 6000),
        api.do("submitPrompt", owner, projectId=project, text=marker, model=marker),
        api.do("submitPrompt", owner, projectId=marker, text=marker),
        api.do("shareProject", owner, projectId=project, email=f"{marker}@example.com", role="VIEWER"),
        api.do("shareProject", owner, projectId=project, email=marker, role=marker),
        api.do("createApiKey", owner, name=marker, scopes=[marker], expiresAt=ends),
        api.do("registerContributor", None, email=owner.email, password=marker, displayName=marker),
        api.do("signIn", None, email=f"{marker}@example.net", password=marker, wants="viewer { kind }"),
        api.do("signIn", None, email=f"{marker}@example.net", password=marker, passkey=marker),
        api.do("beginPasskeySignIn", None, email=f"{marker}@example.net", password=marker),
        api.do("confirmPasskey", owner, credential=marker),
        api.do("createAsset", owner, projectId=project, fileName=marker, mediaType=marker, byteSize=5),
        api.do("createAsset", owner, projectId=project, fileName=marker, mediaType="text/plain", byteSize=10**15),
    ]
    for answer in answers:
        assert answer.status < 500, answer.body
        assert answer.errors, answer.body
        assert all(error["extensions"]["code"] != "INTERNAL_SERVER_ERROR" for error in answer.errors), answer.body
    body = marker.encode() * 1000
    for size, media_type in ((len(body) // 2, "text/plain"), (len(body) * 2, "text/plain"), (len(body), "image/png")):
        _, url = api.announce(owner, project, size, mediaType=media_type)
        assert 400 <= api.client.put(url, content=body).status_code < 500
    for path in ("/content/", "/uploads/", "/exports/", "/"):
        assert api.client.request("PUT" if path == "/uploads/" else "GET", path + marker).status_code == 404
    cut = f'{{"query": "{marker}'
    assert api.client.post("/graphql", content=cut, headers={"content-type": "application/json"}).status_code < 500
    stand_in.status = 400  # and it quotes the whole brief in its error
    failed = api.prompt(owner, project, f"Write of {marker}.")
    settled(server)
    found = api.ask("query($id: ID!) { prompt(id: $id) { status failed } }", owner, id=failed).data["prompt"]
    assert found == {"status": "FAILED", "failed": 1}
