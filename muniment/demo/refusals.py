"""Act five: others try to get at her work, each by every door there is, and none opens."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from muniment.demo.cast import Person, Work, person
from muniment.demo.client import Client, Refused
from muniment.demo.disk import Home
from muniment.demo.stage import Stage, demand

NOTHING = "nothing"
"""What an attempt got that was answered without an error, and without anything in the answer."""

_BY_ID = "query Open($id: ID!) { %s(id: $id) { %s } }"
_NODE = "query Node($id: ID!) { node(id: $id) { id } }"
_LISTS = """
query Lists($id: ID!) {
  assets(projectId: $id) { totalCount } prompts(projectId: $id) { totalCount } outputs(projectId: $id) { totalCount }
}"""
_WATCH = "subscription Watch($id: ID!) { promptProgress(promptId: $id) { steps { partialText } } }"
_UPDATE = "mutation Update($input: UpdateAssetInput!) { updateAsset(input: $input) { asset { id } } }"
_SUBMIT = "mutation Submit($input: SubmitPromptInput!) { submitPrompt(input: $input) { prompt { id } } }"
_SHARE = "mutation Share($input: ShareProjectInput!) { shareProject(input: $input) { project { id } } }"
_EXPORT = "mutation Export($input: RequestExportInput!) { requestExport(input: $input) { export { id } } }"
_DELETE = "mutation Delete($input: DeleteProjectInput!) { deleteProject(input: $input) { deletion { id } } }"
_MINT = "mutation Mint($input: MintExportLinkInput!) { mintExportLink(input: $input) { url } }"
_ACCOUNT = "query Account($id: ID!) { contributor(id: $id) { createdAt displayName email } }"
_DENIED = 'query Denied { auditEvents(action: "access.denied") { totalCount } }'

Attempt = tuple[str, Callable[[Client], Any], str]
"""What is tried, how, and what it must come to for somebody who is signed in."""


@dataclass
class Staff:
    """The people who run the platform, signed in, where the demo could give them accounts."""

    support: Person
    sysadmin: Person
    security: Person


def attempts(ada: Person, work: Work, stranger_email: str) -> list[Attempt]:
    """Every way in that we know: reading, watching, changing, taking out, destroying, and guessing links."""
    asset = work.assets[0]
    project = {"projectId": work.project}

    def asking(document: str, **variables: Any) -> Callable[[Client], Any]:
        return lambda client: client.ask(document, **variables)

    return [
        ("open the project", asking(_BY_ID % ("project", "name"), id=work.project), "NOT_FOUND"),
        ("open a file's description", asking(_BY_ID % ("asset", "title contentUrl"), id=asset.id), "NOT_FOUND"),
        ("open the brief", asking(_BY_ID % ("prompt", "text"), id=work.prompt), "NOT_FOUND"),
        ("open an output", asking(_BY_ID % ("output", "text"), id=work.outputs[0]["id"]), "NOT_FOUND"),
        ("find the file by its id alone", asking(_NODE, id=asset.id), NOTHING),
        ("list what is in the project", asking(_LISTS, id=work.project), NOTHING),
        ("read her name and e-mail", asking(_BY_ID % ("contributor", "displayName email"), id=ada.id), "NOT_FOUND"),
        ("watch the run", lambda client: list(client.follow(_WATCH, id=work.prompt)), "NOT_FOUND"),
        ("change a file's title", asking(_UPDATE, input={"assetId": asset.id, "title": "mine"}), "NOT_FOUND"),
        ("set an agent to work in it", asking(_SUBMIT, input={**project, "text": "Say it all."}), "NOT_FOUND"),
        (
            "let themselves in",
            asking(_SHARE, input={**project, "email": stranger_email, "role": "VIEWER"}),
            "NOT_FOUND",
        ),
        ("export the project", asking(_EXPORT, input={**project, "scope": "PROJECT"}), "NOT_FOUND"),
        ("delete the project", asking(_DELETE, input=project), "NOT_FOUND"),
        ("fetch the file without a link", lambda client: client.download(f"/content/{asset.id}"), "NOT_FOUND"),
        ("… with a link forged from hers", lambda client: client.download(_forged(asset.link)), "NOT_FOUND"),
    ]


def try_doors(stage: Stage, ada: Person, work: Work, home: Home | None) -> tuple[Person, Staff | None]:
    """Another contributor, support, a system administrator and nobody at all; answers who may leave later."""
    stage.act(
        "Others try the doors",
        "What you may not see does not exist for you: the answer is the same as for an id that was never given out.",
    )
    nobody = Client(ada.client.url, ada.client.http)
    bea = person("Bea Hartley", nobody, work.word)
    with stage.step("Another contributor has signed in, and proved again who she is") as step:
        bea.register()
        bea.sign_in()
        bea.step_up()
        step.detail = bea.email
    staff = None if home is None else _employ(stage, home, nobody, work.word)
    callers = {"contributor": ("Another contributor", bea.client)}
    if staff is not None:
        callers["support"] = ("Support", staff.support.client)
        callers["sysadmin"] = ("A system administrator", staff.sysadmin.client)
    callers["nobody"] = ("Somebody who is not signed in", nobody)
    denied = _denied(staff)
    tried = attempts(ada, work, bea.email)
    rows = [[what] for what, _, _ in tried]
    for who, (described, client) in callers.items():
        with stage.step(f"{described} got in nowhere", "Stop using this server, and report this.") as step:
            _try_all(tried, rows, who, client)
            step.detail = f"{len(tried)} attempts"
    stage.table(("what they tried", *callers), rows)
    if staff is not None:
        _see_what_staff_sees(stage, ada, staff, denied)
    return bea, staff


def _try_all(tried: list[Attempt], rows: list[list[str]], who: str, client: Client) -> None:
    for (what, attempt, usual), row in zip(tried, rows, strict=True):
        got = outcome(attempt, client)
        row.append(got)
        expected = {usual}
        if who == "nobody" and "link" not in what:
            expected = {"UNAUTHENTICATED"}
        if who == "support" and what == "read her name and e-mail":
            expected = {NOTHING}
        demand(got in expected, f"{who}, trying to {what}: {got} instead of {' or '.join(expected)}.")


def _employ(stage: Stage, home: Home, nobody: Client, word: str) -> Staff:
    with stage.step("Support, a system administrator and security have signed in") as step:
        made = []
        for role in ("SUPPORT", "SYSADMIN", "SECURITY"):
            email = f"{role.lower()}.{word[:8]}@example.org"
            password, code = home.add_staff(email, role)
            member = Person(role, email, password, nobody, code=code)
            viewer = member.sign_in()
            demand(viewer["roles"] == [role], f"an account with roles {viewer['roles']}.")
            made.append(member)
        step.detail = "with accounts as `staff add` makes them; the passwords are forgotten with this demo"
    return Staff(*made)


def _see_what_staff_sees(stage: Stage, ada: Person, staff: Staff, denied: int) -> None:
    with stage.step("Support sees that Ada's account exists, and nothing of who she is") as step:
        seen = staff.support.client.ask(_ACCOUNT, id=ada.id)["contributor"]
        demand(seen["createdAt"] and not seen["displayName"] and not seen["email"], "more, or less, than that.")
        step.detail = f"since {seen['createdAt'][:10]}; name: null, e-mail: null"
    with stage.step("Security sees in the record that somebody tried the doors") as step:
        now = _denied(staff)
        demand(now > denied, "no new entry access.denied in the trail.")
        step.detail = f"{now - denied} entries access.denied"


def try_export(stage: Stage, work: Work, staff: Staff) -> None:
    """The system administrator keeps exports running, and can't open one."""
    with stage.step("The system administrator sees that an export ran, and can't fetch it") as step:
        client = staff.sysadmin.client
        state = client.ask(
            "query Export($id: ID!) { node(id: $id) { ... on Export { status byteSize } } }", id=work.export
        )
        demand(state["node"] and state["node"]["status"] == "READY", "an export that keeps its state from them.")
        refused = outcome(lambda client: client.ask(_MINT, input={"exportId": work.export}), client)
        demand(refused == "FORBIDDEN", f"{refused} instead of FORBIDDEN.")
        step.detail = f"{state['node']['status']}, {state['node']['byteSize']:,} bytes; asking for the link: {refused}"


def outcome(attempt: Callable[[Client], Any], client: Client) -> str:
    """What an attempt comes to: an error's code, NOTHING, or OPENED."""
    try:
        got = attempt(client)
    except Refused as refused:
        return refused.code
    return "OPENED" if _holds(got) else NOTHING


def _holds(value: Any) -> bool:
    """Whether there is anything in an answer: some leaf that is neither null nor zero nor empty."""
    if isinstance(value, dict):
        return any(_holds(each) for each in value.values())
    return any(_holds(each) for each in value) if isinstance(value, list) else bool(value)


def _denied(staff: Staff | None) -> int:
    """How many refusals the trail holds, as security sees it."""
    return 0 if staff is None else int(staff.security.client.ask(_DENIED)["auditEvents"]["totalCount"])


def _forged(link: str) -> str:
    """The link with one letter of its ticket changed."""
    place = len(link) - 12
    return link[:place] + ("A" if link[place] != "A" else "B") + link[place + 1 :]
