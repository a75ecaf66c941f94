"""Act four: the audit trail, as its owner sees it."""

from datetime import datetime
from typing import Any

from muniment.demo.cast import Person
from muniment.demo.stage import Stage, demand

_TRAIL = """
query Trail { auditEvents(first: 100, orderBy: OLDEST_FIRST) { edges { node {
  timestamp action component actorKind userId onBehalfOf outcome details
} } } }"""


_IN_WORDS = {
    "asset.created": "{byteSize:,} bytes to come",
    "asset.uploaded": "{byteSize:,} bytes",
    "content.downloaded": "{byteSize:,} bytes",
    "prompt.submitted": "{promptLength} characters, {assetCount} files",
    "run.started": "{modelUsed}",
    "run.step_finished": "{step} {status}",
    "output.stored": "variation {variation}, {byteSize:,} bytes",
    "run.finished": "{stored} of {asked} stored",
}
"""What of an entry's details is shown, by its action. Ids and the rest are for programs."""


def read_record(stage: Stage, ada: Person) -> None:
    """The audit trail, as its owner sees it."""
    stage.act(
        "What the record says",
        "Every change and every step of an agent is one entry, written together with what it records.",
    )
    with stage.step("The record tells who did what, and through which part of the system") as step:
        events = [edge["node"] for edge in ada.client.ask(_TRAIL)["auditEvents"]["edges"]]
        stage.table(("UTC", "component", "who", "what", "with"), (_row(event) for event in events))
        components = {event["component"] for event in events}
        demand(components >= {"api", "agent:generation"}, f"entries by {', '.join(sorted(components)) or 'nobody'}.")
        actions = {event["action"] for event in events}
        missing = {"contributor.registered", "asset.uploaded", "prompt.submitted", "output.stored", "run.finished"}
        demand(missing <= actions, f"no entry {', '.join(sorted(missing - actions))}.")
        step.detail = f"{len(events)} entries; lengths and counts, never a word of what she wrote"


def _row(event: dict[str, Any]) -> tuple[str, ...]:
    when = datetime.fromisoformat(event["timestamp"]).strftime("%H:%M:%S")
    agent = event["actorKind"] == "AGENT"
    who = ("the agent, for Ada" if event["onBehalfOf"] else "the agent") if agent else "Ada"
    what = event["action"] + ("" if event["outcome"] == "SUCCESS" else f" ({event['outcome']})")
    return when, event["component"], who, what, _IN_WORDS.get(event["action"], "").format_map(event["details"])
