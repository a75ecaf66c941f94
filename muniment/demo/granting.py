"""Act six: support asks to see one file, and Ada decides."""

from datetime import UTC, datetime, timedelta

from muniment.demo.cast import Person, Work
from muniment.demo.client import Client
from muniment.demo.refusals import Staff, outcome
from muniment.demo.stage import Stage, demand

_LET_ASK = """
mutation Let($input: UpdatePrivacyPreferencesInput!) { updatePrivacyPreferences(input: $input) { auditEventId } }"""
_ASK = "mutation Ask($input: RequestAccessInput!) { requestAccess(input: $input) { accessGrant { id status } } }"
_REQUESTS = "query Requests { accessGrants { edges { node { id role status justification ticket expiresAt } } } }"
_CONSENT = (
    "mutation Consent($input: ConsentToAccessInput!) { consentToAccess(input: $input) { accessGrant { status } } }"
)
_END = "mutation End($input: EndAccessInput!) { endAccess(input: $input) { accessGrant { status } } }"
_TITLE = "query Title($id: ID!) { asset(id: $id) { title } }"
_PROJECT = "query Project($id: ID!) { project(id: $id) { name } }"
_LOG = "query Log { accessLog(first: 20) { edges { node { timestamp action grantId details } } } }"
_WHY = "The picture does not open on your page; we look at what became of its name."


def let_in(stage: Stage, ada: Person, work: Work, staff: Staff) -> None:
    """A request, consent, one look, what the contributor sees of it, and the end."""
    stage.act(
        "Support asks, and Ada decides",
        "Nobody's job opens her work. For a reason and for a while she can let somebody see a part of it.",
    )
    support, asset = staff.support.client, work.assets[0]
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    asked = {"contributorId": ada.id, "scope": "ASSET", "objectId": asset.id, "reasonCode": "SUPPORT_REQUEST"}
    asking = {**asked, "justification": _WHY, "ticket": "CASE-1", "expiresAt": soon}
    with stage.step("Support may not even ask before she says so") as step:
        refused = outcome(lambda client: client.ask(_ASK, input=asking), support)
        demand(refused == "FORBIDDEN", f"{refused} instead of FORBIDDEN.")
        ada.client.ask(_LET_ASK, input={"supportAccess": True})
        step.detail = "she switches supportAccess on"
    with stage.step("Support has asked for one file, and still sees nothing") as step:
        grant = support.ask(_ASK, input=asking)["requestAccess"]["accessGrant"]["id"]
        demand(_seen(support, asset.id) == "NOT_FOUND", "a request that opens what it asks for.")
        (request,) = (edge["node"] for edge in ada.client.ask(_REQUESTS)["accessGrants"]["edges"])
        demand(request["justification"] == _WHY and request["id"] == grant, "another request than support's.")
        step.detail = f"{request['role']}, {request['ticket']}: “{request['justification']}”"
    with stage.step("She agrees; support opens that file and nothing beside it") as step:
        ada.client.ask(_CONSENT, input={"accessGrantId": grant})
        demand(_seen(support, asset.id) == "OPENED", "a grant that opens nothing.")
        beside = outcome(lambda client: client.ask(_PROJECT, id=work.project), support)
        demand(beside == "NOT_FOUND", f"{beside} for the project it lies in.")
        step.detail = f"its title: opened; the project it lies in: {beside}"
    with stage.step("She sees the look in her log, with the grant and the reason") as step:
        log = [edge["node"] for edge in ada.client.ask(_LOG)["accessLog"]["edges"]]
        look = next((entry for entry in log if entry["action"] == "content.read" and entry["grantId"] == grant), None)
        demand(look and look["details"]["reason"] == "SUPPORT_REQUEST", "no such entry.")
        step.detail = f"{look['timestamp'][:19]}, {look['details']['role']}" if look else ""
    with stage.step("She ends it, and from that moment the file is gone for support") as step:
        ada.client.ask(_END, input={"accessGrantId": grant})
        demand(_seen(support, asset.id) == "NOT_FOUND", "a grant that outlives its end.")
        ada.client.ask(_LET_ASK, input={"supportAccess": False})
        step.detail = "NOT_FOUND, as before she was asked"


def _seen(client: Client, asset_id: str) -> str:
    return outcome(lambda client: client.ask(_TITLE, id=asset_id), client)
