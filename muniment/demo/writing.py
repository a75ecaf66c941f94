"""Act three: a brief for the agent, its run watched while it happens, and the outputs read."""

from typing import Any

from muniment.demo.cast import Person, Work
from muniment.demo.stage import Stage, Typist, demand

VARIATIONS = 3
_MAX_TOKENS = 70
_TEMPERATURE = 0.6
_BRIEF = "Write a short caption for the painting of the lighthouse at Marrow Point and the boat that is coming home."
_BRIEF_FOR_FILES = "Write a short caption that goes with this."

_SUBMIT = """
mutation Submit($input: SubmitPromptInput!) { submitPrompt(input: $input) { prompt { id } } }"""

_PROGRESS = """
subscription Progress($id: ID!) { promptProgress(promptId: $id) {
  prompt { status outputs { edges { node { variation text } } } }
  steps { name variation status partialText }
} }"""

_SERVICES = """
query Services { services(first: 100) { edges { node { id kind operator address trainsOnInputs } } } }"""

_ALLOW = """
mutation Allow($input: UpdatePrivacyPreferencesInput!) {
  updatePrivacyPreferences(input: $input) { privacyPreferences { services } }
}"""

_OUTPUTS = """
query Outputs($id: ID!) { prompt(id: $id) {
  status variations stored failed cancelled
  outputs { edges { node { id variation text byteSize model modelDigest provider } } }
} }"""

_STEPS = {"READ_BRIEF": "reads the brief and what came with it", "ANALYZE_STYLE": "learns how she writes"}
_ENDS = {"DONE": "done", "SKIPPED": "skipped, she has not allowed it", "FAILED": "failed", "CANCELLED": "called off"}


def give_brief(stage: Stage, ada: Person, work: Work, *, own_files: bool) -> None:
    """A brief for the agent, its run watched while it happens, and the outputs read."""
    stage.act(
        f"A brief, and {VARIATIONS} answers",
        "The generation agent has an identity of its own: for this run it may open this brief and what came with it,"
        " and nothing else. We watch it over a WebSocket. (The model on board is very small: charming, not wise.)",
    )
    _allow_services(stage, ada)
    text = _BRIEF_FOR_FILES if own_files else _BRIEF
    with stage.step(f"She has asked for {VARIATIONS} variations, with {len(work.assets)} files to draw on") as step:
        asked = {
            "projectId": work.project,
            "text": f"{text}\n\n({work.word})",
            "assetIds": [asset.id for asset in work.assets],
            "variations": VARIATIONS,
            "parameters": {"maxTokens": _MAX_TOKENS, "temperature": _TEMPERATURE},
        }
        work.prompt = ada.client.ask(_SUBMIT, input=asked)["submitPrompt"]["prompt"]["id"]
        step.detail = f"“{text}”"
    with stage.step("The run is complete") as step:
        watch = Watch(stage)
        for event in ada.client.follow(_PROGRESS, id=work.prompt):
            watch.see(event["promptProgress"])
        ended = ada.client.ask(_OUTPUTS, id=work.prompt)["prompt"]
        work.outputs = [edge["node"] for edge in ended["outputs"]["edges"]]
        counts = {name: ended[name] for name in ("stored", "failed", "cancelled")}
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        demand(ended["status"] == "COMPLETED", f"a run that is {ended['status']} ({told}).")
        demand(counts["stored"] == len(work.outputs) == VARIATIONS == sum(counts.values()), f"{told}.")
        step.detail = f"{VARIATIONS} asked for: {told}"
    with stage.step("She has read them back") as step:
        demand(all(output["text"].strip() for output in work.outputs), "an empty output.")
        demand([output["text"] for output in work.outputs] == watch.texts, "other texts than were streamed.")
        first = work.outputs[0]
        sizes = ", ".join(str(output["byteSize"]) for output in work.outputs)
        digest = f", weights sha256 {first['modelDigest'][:12]}…" if first["modelDigest"] else ""
        step.detail = f"{sizes} bytes, by {first['model']} ({first['provider']}{digest})"


def _allow_services(stage: Stage, ada: Person) -> None:
    """Where a model outside would answer she has to allow that first; for the one on board nothing leaves the house."""
    listed = ada.client.ask(_SERVICES)["services"]["edges"]
    outside = [edge["node"] for edge in listed if edge["node"]["kind"] == "MODEL_PROVIDER"]
    if not outside:
        return
    with stage.step("She has allowed the services outside that answer here") as step:
        chosen = [each["id"] for each in outside]
        training = any(each["trainsOnInputs"] for each in outside)
        kept = ada.client.ask(_ALLOW, input={"services": chosen, "training": training})["updatePrivacyPreferences"][
            "privacyPreferences"
        ]["services"]
        demand(sorted(kept) == sorted(chosen), "another list of services.")
        step.detail = ", ".join(f"{each['operator']} ({each['address']})" for each in outside)


class Watch:
    """Shows a run as its events tell it: each step once, each text as it grows."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._told: set[str] = set()
        self._typists: dict[int, Typist] = {}
        self._whole: dict[int, str] = {}

    @property
    def texts(self) -> list[str]:
        """The whole texts, in the order of the variations."""
        return [self._whole[variation] for variation in sorted(self._whole)]

    def see(self, progress: dict[str, Any]) -> None:
        """Show what is new in an event."""
        stored = {edge["node"]["variation"]: edge["node"]["text"] for edge in progress["prompt"]["outputs"]["edges"]}
        for step in progress["steps"]:
            if step["name"] == "GENERATE":
                self._see_variation(step, stored.get(step["variation"]))
            elif step["name"] in _STEPS and step["status"] != "RUNNING" and step["name"] not in self._told:
                self._told.add(step["name"])
                self._stage.say(f"the agent {_STEPS[step['name']]}: {_ENDS[step['status']]}", indent=5, style="dim")

    def _see_variation(self, step: dict[str, Any], stored: str | None) -> None:
        variation = step["variation"]
        if variation in self._whole:
            return
        if variation not in self._typists:
            self._typists[variation] = self._stage.typing(f"variation {variation} of {VARIATIONS}")
        if stored is not None:
            self._whole[variation] = stored
        self._typists[variation].show(stored or step["partialText"] or "", whole=stored is not None)
