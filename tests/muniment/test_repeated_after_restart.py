"""Every mutation there is, under an Idempotency-Key, sent again to a server that was started anew: invariant I4."""

import hashlib
import shutil
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from schema.api import build
from storage.clock import now
from storage.staff import StaffRole
from tests.authenticator import Authenticator
from tests.resolvers.follow_ups import opened as follow_up
from tests.resolvers.ladder import MUTATIONS, Scene, make
from tests.services.issuer import AUDIENCE, LocalIssuer, issuing
from tests.world import MODERN, PASSWORD, ROOT, Answer, Person, World, code_of, opened

SCHEMA = build()._schema
FIELDS: Any = SCHEMA.mutation_type.fields  # type: ignore[union-attr]

ORDER = [
    "registerContributor:nobody",
    "signIn:nobody",
    "stepUp:owner",
    "stepUp:stranger",
    "stepUp:editor",
    "enrollTotp:editor",
    "confirmTotp:editor",
    "removeTotp:editor",
    "enrollPasskey:editor",
    "confirmPasskey:editor",
    "beginPasskeySignIn:nobody",
    "beginPasskeyStepUp:editor",
    "removePasskey:editor",
    "linkIdentity:editor",
    "unlinkIdentity:editor",
    "createProject:owner",
    "updateProject:owner",
    "shareProject:owner",
    "unshareProject:owner",
    "createAsset:owner",
    "updateAsset:owner",
    "submitPrompt:owner",
    "cancelPrompt:owner",
    "updatePrivacyPreferences:owner",
    "correctStyleProfile:owner",
    "deleteStyleProfile:owner",
    "setRetention:owner",
    "markNoticeRead:owner",
    "updateNoticeSettings:owner",
    "publishNotice:privacy",
    "createApiKey:owner",
    "rotateApiKey:owner",
    "requestExport:owner",
    "mintExportLink:owner",
    "deleteExport:owner",
    "requestAccess:security",
    "approveAccess:privacy",
    "consentToAccess:owner",
    "denyAccess:owner",
    "endAccess:owner",
    "reviewAccess:privacy",
    "openAccessReview:security",
    "decideAccessReviewItem:privacy",
    "addStaff:sysadmin",
    "assignRole:sysadmin",
    "approveAppointment:sysadmin",
    "denyAppointment:security",
    "revokeRole:security",
    "removeStaff:security",
    "openInvestigation:security",
    "closeInvestigation:security",
    "reloadPolicy:sysadmin",
    "triageIncident:security",
    "draftIncidentNotice:security",
    "notifyAffected:privacy",
    "recordIncidentStep:security",
    "liftIncidentMeasure:security",
    "closeIncident:security",
    "completeFollowUp:sysadmin",
    "reviewFollowUp:privacy",
    "reassignFollowUp:security",
    "acceptFinding:privacy",
    "announceMaintenance:sysadmin",
    "explainOutage:sysadmin",
    "registerChange:sysadmin",
    "approveChange:sysadmin",
    "denyChange:security",
    "lockDown:security",
    "endLockdown:privacy",
    "registerService:privacy",
    "assessService:privacy",
    "enableService:security",
    "disableService:privacy",
    "placeLegalHold:privacy",
    "approveLegalHold:security",
    "releaseLegalHold:privacy",
    "fileComplaint:owner",
    "correctMyData:owner",
    "answerRightsRequest:privacy",
    "deleteOutput:owner",
    "deletePrompt:owner",
    "deleteAsset:owner",
    "deleteProject:owner",
    "revokeApiKey:owner",
    "revokeSessions:owner",
    "deleteAccount:stranger",
    "signOut:viewer",
]
"""Mutations and who sends them, one after the other in one house: what deletes and ends comes last."""

DEVICE = Authenticator()
"""The editor's passkey."""

LEAVES = ("id", "token", "expiresAt", "kind")
CHANGED = ("Export", "expiresAt")
"""Things are answered as they are (decision 12): of the export that was deleted meanwhile, that it has ended."""

pytestmark = pytest.mark.one_database("sqlite", reason="what is kept is opened on both in test_idempotency")


def everything_of(name: str) -> str:
    """All leaves of a payload, and the id of each thing in it."""
    found = []
    for field_name, field in get_named_type(FIELDS[name].type).fields.items():
        kind = get_named_type(field.type)
        if is_leaf_type(kind):
            found.append(field_name)
        elif isinstance(kind, GraphQLObjectType):
            leaves = [each for each in LEAVES if each in kind.fields and (kind.name, each) != CHANGED]
            found.append(f"{field_name} {{ {' '.join(leaves or ['__typename'])} }}")
    return " ".join(found)


def given(name: str, scene: Scene, changed: Path) -> dict[str, Any] | None:
    """The input of a mutation; None for one that takes none."""
    own: dict[str, Callable[[], dict[str, Any]]] = {
        "registerContributor": lambda: {"email": "new@example.org", "password": PASSWORD, "displayName": "N"},
        "signIn": lambda: {"email": scene.ids["friend"], "password": PASSWORD},
        "stepUp": lambda: {"password": PASSWORD},
        "linkIdentity": lambda: {"token": scene.ids["token"]},
        "confirmPasskey": lambda: {"credential": DEVICE.create(scene.ids["options"])},
        "beginPasskeySignIn": lambda: {"email": scene.ids["editor"], "password": PASSWORD},
        "removePasskey": lambda: {"passkeyId": scene.ids["passkey"]},
        "confirmTotp": lambda: {"totp": code_of(scene.ids["uri"])},
        "openInvestigation": lambda: {
            "personId": scene.ids["contributor"],
            "reason": "An address that is not theirs.",
            "expiresAt": (now() + timedelta(days=1)).isoformat(),
        },
        "requestAccess": lambda: MUTATIONS[name](scene.ids) | {"reasonCode": "SECURITY_INCIDENT"},
        "approveAccess": lambda: {"accessGrantId": scene.ids["requested"]},
        "closeInvestigation": lambda: {"investigationId": scene.ids["investigation"]},
        "liftIncidentMeasure": lambda: {"incidentId": scene.ids["incident of a key"], "words": "Their own program."},
        "closeIncident": lambda: {"incidentId": scene.ids["no incident"]},
        "reloadPolicy": lambda: {"hash": hashlib.sha256(changed.read_bytes()).hexdigest()},
    }
    if name not in own and name not in MUTATIONS:
        return None
    return own[name]() if name in own else MUTATIONS[name](scene.ids)


def send(world: World, call: str, by: Person | None, asked: dict[str, Any] | None) -> Answer:
    """The mutation, under the key of its own."""
    name = call.partition(":")[0]
    kind = f"{name[0].upper()}{name[1:]}Input"
    head, argument = ("", "") if asked is None else (f"($input: {kind}!)", "(input: $input)")
    headers = {"accept": MODERN, "idempotency-key": str(uuid.uuid5(uuid.NAMESPACE_OID, call))}
    if by is not None:
        headers["authorization"] = f"Bearer {by.token}"
    body = {
        "query": f"mutation{head} {{ it: {name}{argument} {{ {everything_of(name)} }} }}",
        "variables": {} if asked is None else {"input": asked},
    }
    answer = world.client.post("/graphql", json=body, headers=headers)
    return Answer(answer.status_code, answer.json())


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    with issuing() as running:
        yield running


def test_the_list_is_of_every_mutation() -> None:
    """A new one finds its place in it."""
    assert {call.partition(":")[0] for call in ORDER} == set(FIELDS)


def test_every_mutation_has_the_same_answer_after_a_restart_and_no_second_effect(
    home: Path, database_url: str, cheap_passwords: None, issuer: LocalIssuer
) -> None:
    """Signed out, one is nobody to whom anything was answered; whatever else there is, is answered again from what is kept."""
    every_mutation_and_its_repetition(home, database_url, issuer)


def every_mutation_and_its_repetition(home: Path, database_url: str, issuer: LocalIssuer) -> None:
    """Send each in turn, start anew, send each again; fails the test where one is answered otherwise or acts twice."""
    policy = home / "policy.polar"
    shutil.copy(ROOT / "policy.polar", policy)
    settings = {"policy_file": policy, "streams_per_caller": 5, "oidc_issuer": issuer.url, "oidc_audience": AUDIENCE}
    sent: dict[str, tuple[Person | None, dict[str, Any] | None, Any]] = {}
    with opened(home, database_url, **settings) as world:
        scene = make(world)
        scene.ids["token"] = issuer.token()
        scene.ids["editor"] = scene.people["editor"].email  # type: ignore[union-attr]
        scene.people["security"] = world.employ(StaffRole.SECURITY)
        scene.people["privacy"] = world.employ(StaffRole.PRIVACY)
        scene.ids["follow-up"] = follow_up(world, world.own_id(scene.people["sysadmin"]))  # type: ignore[arg-type]
        for rung in ("security", "privacy"):
            world.prove(scene.people[rung])
        policy.write_text(policy.read_text() + "\n# Another remark.\n")
        for call in ORDER:
            name, _, rung = call.partition(":")
            asked, by = given(name, scene, policy), scene.people[rung]
            data = send(world, call, by, asked).data["it"]
            sent[call] = (by, asked, data)
            if name == "enrollTotp":
                scene.ids["uri"] = data["uri"]
            if name == "lockDown":
                scene.ids["lockdown"] = data["lockdown"]["id"]
            if name == "enrollPasskey":
                scene.ids["options"] = data["options"]
            if name == "confirmPasskey":
                scene.ids["passkey"] = data["passkey"]["id"]
            for thing, kept in (("investigation", "investigation"), ("accessGrant", "requested")):
                if name in ("openInvestigation", "requestAccess") and thing in data:
                    scene.ids[kept] = data[thing]["id"]
        shutil.copy(ROOT / "policy.polar", policy)
    with opened(home, database_url, **settings) as world:
        with world.unchanged():
            again = {call: send(world, call, by, asked) for call, (by, asked, _) in sent.items()}
        assert again.pop("signOut:viewer").code == "UNAUTHENTICATED"
        assert {call: answer.data["it"] for call, answer in again.items()} == {
            call: data for call, (_, _, data) in sent.items() if call != "signOut:viewer"
        }
        other = send(world, "createProject:owner", scene.people["owner"], {"name": "Another name"})
        assert other.code == "IDEMPOTENCY_MISMATCH"
