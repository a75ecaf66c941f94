"""Who is told what: every operation on a thing of somebody's, tried from every rung of the ladder."""

import base64
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from storage.clock import now
from storage.incidents import IncidentStatus
from storage.staff import StaffRole
from tests.resolvers import access_reviews
from tests.resolvers.found import finding, incident, lockdown, maintenance, outage, suspended_key
from tests.told import notice, style
from tests.world import Person, World, global_id, raw_id

CODES = {
    "U": "UNAUTHENTICATED",
    "N": "NOT_FOUND",
    "F": "FORBIDDEN",
    "S": "STEP_UP_REQUIRED",
    "-": None,
    "0": None,
}
"""What stands in the grid: a refusal, an answer, or the null that `node` answers."""

RUNGS = (
    "nobody",
    "stranger",
    "departing",
    "support",
    "sysadmin",
    "auditor",
    "read_key",
    "write_key",
    "export_key",
    "viewer",
    "editor",
    "owner",
)

GRID = {
    **access_reviews.GRID,
    # who:                   nobody stranger departing support sysadmin auditor read write export viewer editor owner
    "contributor": "U N N - N N - N - N N -",
    "project": "U N N N N N - - - - - -",
    "asset": "U N N N N N - - N - - -",
    "prompt": "U N N N N N - - N - - -",
    "output": "U N N N N N - N N - - -",
    "node contributor": "U 0 0 - 0 0 - 0 - 0 0 -",
    "node project": "U 0 0 0 0 0 - - - - - -",
    "node asset": "U 0 0 0 0 0 - - 0 - - -",
    "node prompt": "U 0 0 0 0 0 - - 0 - - -",
    "node output": "U 0 0 0 0 0 - 0 0 - - -",
    "node export": "U 0 0 0 - 0 - 0 - 0 0 -",
    "node deletion": "U 0 0 0 - - - 0 0 0 0 -",
    "node key": "U 0 0 0 0 - - 0 0 0 0 -",
    "node event": "U 0 0 0 0 - - 0 0 0 0 -",
    "node grant": "U 0 0 0 0 - - 0 0 0 0 -",
    "node hold": "U 0 0 0 0 - - 0 0 0 0 -",
    "node service": "U 0 0 0 0 - 0 0 0 0 0 0",
    "node incident": "U 0 0 0 0 - 0 0 0 0 0 0",
    "node outage": "U 0 0 - - - 0 0 0 0 0 0",
    "announceMaintenance": "U F F F - F F F F F F F",
    "explainOutage": "U N N F - F N N N N N N",
    "node lockdown": "U 0 0 0 - - 0 0 0 0 0 0",
    "lockDown": "U F F F F F F F F F F F",
    "endLockdown": "U N N N F F N N N N N N",
    "triageIncident": "U N N N N F N N N N N N",
    "recordIncidentStep": "U N N N N F N N N N N N",
    "draftIncidentNotice": "U N N N N F N N N N N N",
    "notifyAffected": "U N N N N F N N N N N N",
    "liftIncidentMeasure": "U N N N N F N N N N N N",
    "closeIncident": "U N N N N F N N N N N N",
    "acceptFinding": "U N N N F F N N N N N N",
    "registerService": "U F F F F F F F F F F F",
    "assessService": "U N N N N F N N N N N N",
    "enableService": "U N N N N F N N N N N N",
    "disableService": "U N N N N F N N N N N N",
    "node notice": "U 0 0 0 0 0 - 0 0 0 0 -",
    "markNoticeRead": "U N N N N N F N N N N -",
    "updateNoticeSettings": "U - N N N N F N F - - -",
    "publishNotice": "U F F F F F F F F F F F",
    "placeLegalHold": "U N N F N N F N F N N F",
    "approveLegalHold": "U N N N N F F N N N N F",
    "releaseLegalHold": "U N N N N F F N N N N F",
    "node request": "U 0 0 0 0 - - 0 0 0 0 -",
    "requestAccess": "U N N F N N F N F N N F",
    "consentToAccess": "U N N N N F F N N N N -",
    "approveAccess": "U N N N N F F N N N N F",
    "reviewAccess": "U N N N N F F N N N N F",
    "removeStaff": "U F F F F F F F F F F F",
    "denyAccess": "U N N N N F F N N N N -",
    "endAccess": "U N N N N F F N N N N -",
    "signOut": "U - U - - - U U U - - -",
    "revokeSessions": "U - U - - - U U U - - -",
    "enrollTotp": "U S U S S S U U U S S S",
    "enrollPasskey": "U S U S S S U U U S S S",
    "confirmPasskey": "U S U S S S U U U S S S",
    "removePasskey": "U S U S S S U U U S S S",
    "linkIdentity": "U S U S S S U U U S S S",
    "unlinkIdentity": "U S U S S S U U U S S S",
    "removeTotp": "U S U S S S U U U S S S",
    "createApiKey": "U - N N N N F N F - - -",
    "rotateApiKey": "U N N N N F F N N N N -",
    "revokeApiKey": "U N N N N F F N N N N -",
    "createProject": "U - F F F F F - F - - -",
    "updateProject": "U N N N N N F - F F - -",
    "shareProject": "U N N N N N F F F F F -",
    "unshareProject": "U N N N N N F F F F F -",
    "createAsset": "U N N N N N F - F F - -",
    "updateAsset": "U N N N N N F - N F - -",
    "submitPrompt": "U N N N N N F - F F - -",
    "cancelPrompt": "U N N N N N F - N F F -",
    "updatePrivacyPreferences": "U - N N N N F N N - - -",
    "correctStyleProfile": "U N N N N N F N N N N -",
    "deleteStyleProfile": "U N N N N N F N N N N -",
    "requestExport": "U S N N N N F N - S S S",
    "requestExport of project": "U N N N N N F F - F F S",
    "mintExportLink": "U N N N F N F N - N N S",
    "setRetention": "U S N N N N F N F S S S",
    "setRetention of project": "U N N N N N F F F F F S",
    "fileComplaint": "U - N N N N F N F - - -",
    "correctMyData": "U S N N N N F N F S S S",
    "answerRightsRequest": "U N N N N F F N N N N F",
    "deleteExport": "U N N N F N F N F N N S",
    "deleteOutput": "U N N N N N F N N F F S",
    "deletePrompt": "U N N N N N F F N F F S",
    "deleteAsset": "U N N N N N F F N F F S",
    "deleteProject": "U N N N N N F F F F F S",
    "deleteAccount": "U S N N N N F N F S S S",
}
"""Operation by operation, in the order of RUNGS. A member is told FORBIDDEN where a stranger is told NOT_FOUND."""


@dataclass
class Scene:
    """One owner's things, and everybody around them."""

    world: World
    people: dict[str, Person | None]
    ids: dict[str, str]

    def ask(self, operation: str, rung: str, **other: str) -> Any:
        """`operation`, asked from `rung`. `other` names other things than the scene's."""
        given = {**self.ids, **other}
        if operation in QUERIES:
            kind, wants = QUERIES[operation]
            query = f"query($id: ID!) {{ it: {operation.partition(' ')[0]}(id: $id) {{ {wants} }} }}"
            return self.world.ask(query, self.people[rung], id=given[kind])
        if operation in WITHOUT_INPUT:
            return self.world.ask(f"mutation {{ it: {operation} {{ auditEventId }} }}", self.people[rung])
        return self.world.do(operation.partition(" ")[0], self.people[rung], **MUTATIONS[operation](given))


QUERIES = {
    **access_reviews.QUERIES,
    "contributor": ("contributor", "id"),
    "project": ("project", "id"),
    "asset": ("asset", "id"),
    "prompt": ("prompt", "id"),
    "output": ("output", "id"),
    "node contributor": ("contributor", "id"),
    "node project": ("project", "id"),
    "node asset": ("asset", "id"),
    "node prompt": ("prompt", "id"),
    "node output": ("output", "id"),
    "node export": ("export", "id"),
    "node grant": ("grant", "id"),
    "node hold": ("hold", "id"),
    "node service": ("service", "id"),
    "node incident": ("incident", "id"),
    "node lockdown": ("lockdown", "id"),
    "node outage": ("outage", "id"),
    "node request": ("request", "id"),
    "node notice": ("notice", "id"),
    "node deletion": ("deletion", "id"),
    "node key": ("key", "id"),
    "node event": ("event", "id"),
}
"""Queries for one thing: whose id they take, and what they ask of it."""

WITHOUT_INPUT = (
    "deleteStyleProfile",
    "signOut",
    "revokeSessions",
    "enrollPasskey",
    "enrollTotp",
    "removeTotp",
    "unlinkIdentity",
)

MUTATIONS: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    **access_reviews.MUTATIONS,
    "confirmPasskey": lambda ids: {"credential": "{}"},
    "removePasskey": lambda ids: {"passkeyId": global_id("Passkey", uuid.UUID(int=0))},
    "linkIdentity": lambda ids: {"token": "a.b.c"},
    "createApiKey": lambda ids: {"name": "k", "scopes": ["read"], "expiresAt": _tomorrow()},
    "rotateApiKey": lambda ids: {"apiKeyId": ids["key"]},
    "revokeApiKey": lambda ids: {"apiKeyId": ids["key"]},
    "createProject": lambda ids: {"name": "P"},
    "updateProject": lambda ids: {"projectId": ids["project"], "name": "Q"},
    "shareProject": lambda ids: {"projectId": ids["project"], "email": ids["friend"], "role": "VIEWER"},
    "unshareProject": lambda ids: {"projectId": ids["project"], "email": ids["friend"]},
    "createAsset": lambda ids: {"projectId": ids["project"], "fileName": "f", "mediaType": "text/plain", "byteSize": 9},
    "updateAsset": lambda ids: {"assetId": ids["asset"], "title": "T"},
    "submitPrompt": lambda ids: {"projectId": ids["project"], "text": "W"},
    "cancelPrompt": lambda ids: {"promptId": ids["prompt"]},
    "markNoticeRead": lambda ids: {"noticeId": ids["notice"]},
    "updateNoticeSettings": lambda ids: {"productEmails": False},
    "publishNotice": lambda ids: {"kind": "PRODUCT", "title": "What is new", "body": "Runs can be followed live now."},
    "updatePrivacyPreferences": lambda ids: {"training": True},
    "correctStyleProfile": lambda ids: {"sentenceWords": 7.5},
    "requestExport": lambda ids: {"scope": "ACCOUNT"},
    "requestExport of project": lambda ids: {"scope": "PROJECT", "projectId": ids["project"]},
    "mintExportLink": lambda ids: {"exportId": ids["export"]},
    "fileComplaint": lambda ids: {"topic": "OTHER", "text": "It is too slow."},
    "correctMyData": lambda ids: {"displayName": "Other"},
    "answerRightsRequest": lambda ids: {"rightsRequestId": ids["request"], "answer": "So it is."},
    "deleteExport": lambda ids: {"exportId": ids["export"]},
    "requestAccess": lambda ids: {
        "contributorId": ids["contributor"],
        "scope": "ACCOUNT",
        "reasonCode": "SUPPORT_REQUEST",
        "justification": "Something does not open.",
        "ticket": "1",
        "expiresAt": (now() + timedelta(hours=1)).isoformat(),
    },
    "consentToAccess": lambda ids: {"accessGrantId": ids["grant"]},
    "approveAccess": lambda ids: {"accessGrantId": ids["grant"]},
    "removeStaff": lambda ids: {"staffId": ids["leaver"]},
    "denyAccess": lambda ids: {"accessGrantId": ids["other grant"]},
    "endAccess": lambda ids: {"accessGrantId": ids["grant"]},
    "placeLegalHold": lambda ids: {
        "contributorId": ids["contributor"],
        "scope": "ACCOUNT",
        "reasonCode": "LITIGATION",
        "reason": "A court has ordered that it be kept.",
        "matter": "1",
        "reviewAt": _tomorrow(),
    },
    "approveLegalHold": lambda ids: {"legalHoldId": ids["hold"]},
    "releaseLegalHold": lambda ids: {"legalHoldId": ids["hold"]},
    "triageIncident": lambda ids: {
        "incidentId": ids["incident"],
        "decision": "CONFIRMED",
        "words": "It was not asked for.",
    },
    "recordIncidentStep": lambda ids: {
        "incidentId": ids["incident"],
        "step": "RECOVERED",
        "words": "All is as before.",
    },
    "notifyAffected": lambda ids: {"incidentId": ids["incident"]},
    "liftIncidentMeasure": lambda ids: {"incidentId": ids["incident"], "words": "It was their own program."},
    "closeIncident": lambda ids: {"incidentId": ids["incident"]},
    "acceptFinding": lambda ids: {
        "number": ids["finding"],
        "reason": "The second disk comes next month; until then backups go out hourly.",
        "until": _tomorrow(),
    },
    "announceMaintenance": maintenance,
    "explainOutage": lambda ids: {"outageId": ids["outage"], "cause": "The provider's network failed."},
    "lockDown": lambda ids: {"reason": "Somebody has a key that is not theirs.", "hours": 1},
    "endLockdown": lambda ids: {"lockdownId": ids["lockdown"]},
    "registerService": lambda ids: {
        "address": "models.example.org",
        "kind": "MODEL_PROVIDER",
        "operator": "Models Ltd",
        "purpose": "Answers briefs with a large model.",
        "contract": "DPA of 2026-03-01",
        "categories": ["PROMPTS"],
        "regions": ["EU"],
        "retentionDays": 0,
        "breachHours": 24,
        "trainsOnInputs": False,
    },
    "assessService": lambda ids: {
        "serviceId": ids["service"],
        "risk": "LOW",
        "assessment": "It keeps nothing, trains on nothing, and works in the EU alone.",
        "expiresAt": _tomorrow(),
        "assurance": "SOC2_TYPE_2",
        "assuranceExpiresAt": _tomorrow(),
    },
    "enableService": lambda ids: {"serviceId": ids["service"]},
    "disableService": lambda ids: {"serviceId": ids["service"]},
    "setRetention": lambda ids: {"setting": "DELETE_AFTER_30_DAYS"},
    "setRetention of project": lambda ids: {"setting": "DELETE_AFTER_30_DAYS", "projectId": ids["project"]},
    "deleteOutput": lambda ids: {"outputId": ids["output"]},
    "deletePrompt": lambda ids: {"promptId": ids["prompt"]},
    "deleteAsset": lambda ids: {"assetId": ids["asset"]},
    "deleteProject": lambda ids: {"projectId": ids["project"]},
    "deleteAccount": lambda ids: {"confirm": True},
}


def _tomorrow() -> str:
    return (now() + timedelta(days=1)).isoformat()


def make(world: World) -> Scene:
    """An owner with one of everything, members, strangers, staff, keys, and somebody who is leaving."""
    owner, viewer, editor, stranger = (world.register(name) for name in ("owner", "viewer", "editor", "stranger"))
    friend, departing = world.register("friend"), world.register("departing")
    project = world.project(owner)
    world.share(owner, project, viewer, "VIEWER")
    world.share(owner, project, editor, "EDITOR")
    world.share(owner, project, friend, "VIEWER")
    prompt = world.prompt(owner, project)
    stepped_up = Person("owner elsewhere", world.sign_in(owner.email).data["it"]["session"]["token"])
    world.step_up(stepped_up)
    export = world.do("requestExport", stepped_up, wants="export { id }").data["it"]["export"]["id"]
    world.ready_export(export)
    style(world, owner)
    gone = world.asset(owner, project)
    deletion = world.do("deleteAsset", stepped_up, wants="deletion { id } auditEventId", assetId=gone).data["it"]
    world.step_up(departing)
    world.do("deleteAccount", departing, confirm=True).data  # noqa: B018 - fails the test where it did not work
    keys = {f"{scope}_key": world.key(stepped_up, scope)[1] for scope in ("read", "write", "export")}
    ids = {
        **access_reviews.things(world),
        "contributor": owner.id,
        "project": project,
        "asset": world.asset(owner, project),
        "prompt": prompt,
        "output": world.output(prompt),
        "export": export,
        "deletion": deletion["deletion"]["id"],
        "key": world.key(owner, "read")[0],
        "event": deletion["auditEventId"],
        "friend": friend.email,
        "request": world.do("fileComplaint", owner, wants="rightsRequest { id }", topic="USE", text="Too slow.").data[
            "it"
        ]["rightsRequest"]["id"],
        "grant": _request(world, owner),
        "hold": _hold(world, owner),
        "incident": incident(world, raw_id(owner.id)),
        "no incident": incident(world, status=IncidentStatus.FALSE_POSITIVE),
        "incident of a key": incident(world, kind="API_KEY", actor=suspended_key(world, stepped_up)),
        "finding": str(finding(world)),
        "lockdown": lockdown(world),
        "outage": outage(world),
        "notice": notice(world, owner),
        "service": proposed(world, world.employ(StaffRole.PRIVACY)),
        "leaver": world.own_id(world.employ(StaffRole.SUPPORT)),
        "other grant": _request(world, owner),
    }
    people: dict[str, Person | None] = {
        "nobody": None,
        "stranger": stranger,
        "departing": departing,
        "support": world.employ(StaffRole.SUPPORT),
        "sysadmin": world.employ(StaffRole.SYSADMIN),
        "auditor": world.employ(StaffRole.AUDITOR),
        **keys,
        "viewer": viewer,
        "editor": editor,
        "owner": owner,
    }
    for person in people.values():
        world.ask("{ viewer { kind } }", person).data  # noqa: B018 - a key's first use is noted in its row
    return Scene(world, people, ids)


def _request(world: World, owner: Person) -> str:
    """A request of security to see the owner's account."""
    asking = MUTATIONS["requestAccess"]({"contributor": owner.id}) | {"reasonCode": "SECURITY_INCIDENT"}
    asked = world.do("requestAccess", world.employ(StaffRole.SECURITY), wants="accessGrant { id }", **asking)
    return str(asked.data["it"]["accessGrant"]["id"])


def _hold(world: World, owner: Person) -> str:
    """A legal hold on the owner's account that nobody has agreed to yet."""
    placed = MUTATIONS["placeLegalHold"]({"contributor": owner.id})
    made = world.do("placeLegalHold", world.employ(StaffRole.PRIVACY), wants="legalHold { id }", **placed)
    return str(made.data["it"]["legalHold"]["id"])


def proposed(world: World, by: Person) -> str:
    """A service that nobody has agreed to yet."""
    made = world.do("registerService", by, wants="service { id }", **MUTATIONS["registerService"]({}))
    return str(made.data["it"]["service"]["id"])


def elsewhere(ids: dict[str, str]) -> dict[str, str]:
    """Ids of the same kinds of things, of which there are none."""
    made = {}
    for name, given in ids.items():
        if name == "finding":  # which people speak of by its number
            made[name] = str(uuid.uuid4())
        elif "@" not in given:
            kind = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode().partition(":")[0]
            made[name] = global_id(kind, uuid.uuid4())
    return made
