"""Acts eight and nine: one file goes, then everything; and nothing opens any more."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from muniment.demo.cast import STEP_UP, Person, Work
from muniment.demo.client import Client
from muniment.demo.refusals import NOTHING, Staff, outcome
from muniment.demo.stage import Stage, demand
from schema.ids import decode_id_of
from storage.certificates.verifying import verify

_DELETE_ASSET = """
mutation DeleteAsset($input: DeleteAssetInput!) { deleteAsset(input: $input) { deletion { id } } }"""

_DELETE_ACCOUNT = """
mutation DeleteAccount($input: DeleteAccountInput!) { deleteAccount(input: $input) { deletion { id } } }"""

_PROGRESS = """
subscription Progress($id: ID!) { deletionProgress(deletionId: $id) {
  status keysetsDestroyed destroyed { kind count } remaining { kind count }
} }"""

_CERTIFICATE = "query Certificate($id: ID!) { node(id: $id) { ... on Deletion { certificate { document } } } }"

_ASSET = "query Asset($id: ID!) { asset(id: $id) { title contentUrl } }"
_VIEWER = "{ viewer { kind } }"
_LISTS = "{ projects { totalCount } assets { totalCount } outputs { totalCount } exports { totalCount } }"
_EVENTS = """
{ auditEvents(first: 100) { edges { node {
  action component userId onBehalfOf resourceId ipAddress userAgent details
} } } }"""

_WORDS = {
    "REQUESTED": "asked for",
    "DEFERRED": "put off",
    "ERASING": "keys first, then every copy",
    "VERIFYING": "somebody else counts what is left",
    "ERASED": "nothing is left",
    "PARTIALLY_ERASED": "something is left",
}


def let_go(stage: Stage, ada: Person, work: Work) -> None:
    """Delete one file, then the account, and watch both with the same token."""
    first, *others = work.assets
    stage.act(
        "Letting go",
        "Deleting destroys keys first: what is sealed with them is lost at that moment, in every copy of the data.",
    )
    with stage.step(f"{first.file.name} is gone, and what held a copy of it") as step:
        deletion = ada.client.ask(_DELETE_ASSET, input={"assetId": first.id})["deleteAsset"]["deletion"]["id"]
        step.detail = _watch(stage, ada.client, deletion)
        _demand_closed("open the file", lambda client: client.ask(_ASSET, id=first.id), ada.client)
        _demand_closed("fetch its bytes", lambda client: client.download(first.link), ada.client)
        _demand_closed(
            "fetch the export that held a copy", lambda client: client.download(work.export_link), ada.client
        )
    for asset in others:
        with stage.step(f"{asset.file.name} is still there"):
            link = ada.client.ask(_ASSET, id=asset.id)["asset"]["contentUrl"]
            demand(ada.client.download(link) == asset.file.content, "other bytes than were sent.")
    with stage.step("Her account is gone, with everything in it") as step:
        ada.step_up()
        deletion = ada.client.ask(_DELETE_ACCOUNT, input={"confirm": True})["deleteAccount"]["deletion"]["id"]
        step.detail = _watch(stage, ada.client, deletion)
    with stage.step("A signed certificate says so, as anybody can check offline") as step:
        certificate = ada.client.ask(_CERTIFICATE, id=deletion)["node"]["certificate"]["document"]
        step.detail = _verified(certificate, ada)


def _verified(certificate: str, ada: Person) -> str:
    """Check the certificate, and that one changed letter is noticed; answers whom it is about."""
    vkey, own = ada.client.read("/ledger/vkey").strip(), str(decode_id_of("Contributor", ada.id, "id"))
    with TemporaryDirectory() as directory:
        file = Path(directory) / "certificate.json"
        file.write_text(certificate)
        report = verify(file, vkey)
        demand(report.exit_code == 0, report.lines[0])
        demand(any(own in fact for fact in report.facts), "a certificate that does not name her.")
        file.write_text(certificate.replace('"payload":"', '"payload":"QUFB', 1))
        demand(verify(file, vkey).exit_code == 1, "a changed certificate passing for whole.")
    return "hers is the only copy that names her; a changed one is refused"


def _demand_closed(what: str, attempt: Callable[[Client], Any], client: Client) -> None:
    answer = outcome(attempt, client)
    demand(answer == "NOT_FOUND", f"{what}: {answer} instead of NOT_FOUND.")


def _watch(stage: Stage, client: Client, deletion: str) -> str:
    """Follow a deletion to its end; answers what was destroyed, in words."""
    last: dict[str, Any] = {}
    for event in client.follow(_PROGRESS, id=deletion):
        last = event["deletionProgress"]
        stage.say(f"{last['status'].lower()}: {_WORDS[last['status']]}", indent=5, style="dim")
    left = ", ".join(f"{each['kind'].replace('_', ' ')} {each['count']}" for each in last["remaining"])
    demand(
        last["status"] == "ERASED" and not left, f"a deletion that is {last['status']}, with {left or 'nothing'} left."
    )
    records = ", ".join(f"{each['kind'].replace('_', ' ')} {each['count']}" for each in last["destroyed"])
    return f"{last['keysetsDestroyed']} keysets destroyed; {records}"


def find_nothing(stage: Stage, ada: Person, work: Work, staff: Staff | None) -> None:
    """Every door, with everything she still has in her hands."""
    stage.act("Nothing opens any more", "She keeps her token, her links and her password, and tries them all.")
    with stage.step("Her token may watch the deletion, and nothing else") as step:
        kind = ada.client.ask(_VIEWER)["viewer"]["kind"]
        demand(kind == "DEPARTING", f"a caller of kind {kind}.")
        step.detail = f"the server calls her {kind}"
    with stage.step("Everything else is shut") as step:
        nobody = Client(ada.client.url, ada.client.http)
        again = Person(ada.name, ada.email, ada.password, nobody)
        doors = [
            ("list what she has", lambda client: client.ask(_LISTS)),
            *((f"open {each.file.name}", lambda client, id=each.id: client.ask(_ASSET, id=id)) for each in work.assets),
            *((f"fetch {each.file.name}", lambda client, at=each.link: client.download(at)) for each in work.assets),
            ("fetch the export", lambda client: client.download(work.export_link)),
            ("find her account", lambda client: client.ask("query($id: ID!) { node(id: $id) { id } }", id=ada.id)),
            ("prove who she is", lambda client: client.ask(STEP_UP, input={"password": ada.password})),
            ("sign in again", lambda client: again.sign_in()),
        ]
        tried = [(what, outcome(attempt, ada.client)) for what, attempt in doors]
        stage.table(("what she tries", "answer"), tried)
        opened = [what for what, got in tried if got not in (NOTHING, "NOT_FOUND", "UNAUTHENTICATED")]
        demand(not opened, f"{', '.join(opened)}: a door that is not shut as it should be.")
        step.detail = f"{len(tried)} doors"
    if staff is not None:
        with stage.step("The record still says that it happened, and not to whom") as step:
            own = str(decode_id_of("Contributor", ada.id, "id"))
            events = [edge["node"] for edge in staff.security.client.ask(_EVENTS)["auditEvents"]["edges"]]
            erased = [event for event in events if event["action"] == "account.erased"]
            demand(erased, "no entry account.erased.")
            named = json.dumps(events)
            demand(own not in named and ada.id not in named and work.word not in named, "an entry that names her.")
            counts = erased[0]["details"]
            step.detail = (
                f"account.erased, by {erased[0]['component']}: {counts['recordCount']} records,"
                f" {counts['keysetsDestroyed']} keysets"
            )


def leave(person: Person) -> None:
    """Delete the account of somebody who only helped in the play, and wait until it is gone."""
    person.step_up()
    asked = person.client.ask(_DELETE_ACCOUNT, input={"confirm": True})
    events = list(person.client.follow(_PROGRESS, id=asked["deleteAccount"]["deletion"]["id"]))
    demand(events[-1]["deletionProgress"]["status"] == "ERASED", "a deletion that did not end well.")
