"""Contributors at work: each does one thing after another, by chance, and keeps a journal of what was promised."""

import hashlib
import random
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.soak.calls import Caller, Notes, Refused
from benchmarks.soak.processes import House
from storage.archives.verifying import verify

PASSWORD = "correct horse battery"  # noqa: S105 - of people who are made up
_PAUSE_SECONDS = 0.6
_LARGEST = 512 * 1024
_WORDS = ("river", "bridge", "harbour", "orchard", "lantern", "meadow", "signal", "winter")
PAGE = """query($id: ID!) { project(id: $id) { name assets(first: 50) { totalCount edges { node {
    id title fileName tags status byteSize viewerCan } } } } }"""
_RUN = """subscription($id: ID!, $after: String) { it: promptProgress(promptId: $id, after: $after) {
    percentage prompt { status } } }"""
_EXPORT = "subscription($id: ID!, $after: String) { it: exportProgress(exportId: $id, after: $after) { status } }"
_DELETION = """subscription($id: ID!, $after: String) { it: deletionProgress(deletionId: $id, after: $after) {
    status certificate { issuedAt } } }"""
OUTPUTS = "query($id: ID!) { prompt(id: $id) { status outputs(first: 10) { edges { node { id text } } } } }"


@dataclass
class Kept:
    """A file as it was acknowledged; `uploaded` once its bytes were."""

    title: str
    digest: str
    uploaded: bool = False


@dataclass
class Journal:
    """What one person was promised. Ids are global ones."""

    assets: dict[str, Kept] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    prompts: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    exports: list[str] = field(default_factory=list)
    deletions: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    runs: dict[str, int] = field(default_factory=dict)
    """How many variations each prompt asked for, also of those that are gone."""


class Person(threading.Thread):
    """One of them. `journal` is theirs, and nobody's else."""

    def __init__(self, crowd: "Crowd", name: str, seed: int) -> None:
        super().__init__(name=name, daemon=True)
        self.journal = Journal()
        self.notes = crowd.notes
        self.chance = random.Random(seed)  # noqa: S311 - chance, not secrecy
        self.email, self.project, self.lives = f"{name}@example.org", "", 0
        self.call = Caller(crowd.house.apis, self.notes, seed)
        self._stopping = crowd.stopping
        self._proved = 0.0

    def run(self) -> None:
        """Work until it is over. What goes wrong is a problem, and the next thing is tried."""
        doing: list[tuple[Callable[[], None], float]] = [
            (self.page, 30), (self.search, 10), (self.upload, 14), (self.fetch, 12), (self.rename, 12),
            (self.prompt, 8), (self.read_trail, 8), (self.export, 2), (self.delete, 4), (self.leave, 0.3),
        ]  # fmt: skip
        while not self._stopping.wait(self.chance.uniform(0.2, 1.8) * _PAUSE_SECONDS):
            if not self.project:
                self._try(self.arrive)
                continue
            (what,) = self.chance.choices([each for each, _ in doing], [weight for _, weight in doing])
            self._try(what)

    def arrive(self) -> None:
        with self.notes.timing("registerContributor"):
            made = self.call.do(
                "registerContributor",
                "session { token } auditEventId",
                email=self.email, password=PASSWORD, displayName=self.name,
            )  # fmt: skip
        self.call.token = made["session"]["token"]
        self.journal.events.append(made["auditEventId"])
        self.project = self._done("createProject", "project { id }", name="Autumn")["project"]["id"]

    def page(self) -> None:
        with self.notes.timing("page of 50, 8 fields"):
            found = self.call.ask(PAGE, id=self.project)["project"]["assets"]
        if found["totalCount"] != len(self.journal.assets):
            self.notes.problem(f"{found['totalCount']} assets are listed of {len(self.journal.assets)}")

    def search(self) -> None:
        word = self.chance.choice(_WORDS)
        asked = "query($word: String!) { assets(search: $word, first: 50) { totalCount edges { node { id } } } }"
        with self.notes.timing("search"):
            found = self.call.ask(asked, word=word)["assets"]["totalCount"]
        wanted = sum(word in kept.title for kept in self.journal.assets.values())
        if found != wanted:
            self.notes.problem(f"{found} assets are found of {wanted}")

    def upload(self) -> None:
        body = self.chance.randbytes(self.chance.randrange(1, _LARGEST) // 2).hex().encode()
        kept = Kept(self._title(), hashlib.sha256(body).hexdigest())
        said = {"fileName": "brief.txt", "mediaType": "text/plain", "byteSize": len(body), "title": kept.title}
        made = self._done("createAsset", "asset { id } uploadUrl", projectId=self.project, **said)
        asset = made["asset"]["id"]
        self.journal.assets[asset] = kept
        with self.notes.timing("upload, 1 KiB to 512 KiB"):
            status = self.call.send("PUT", made["uploadUrl"], content=body).status_code
        if status == 201 or self._node(asset, "Asset")["status"] == "AVAILABLE":
            kept.uploaded = True  # the answer to the first may have been cut off, and the second was told so
        else:
            self.notes.problem(f"an upload was answered {status}")

    def fetch(self) -> None:
        there = [asset for asset, kept in self.journal.assets.items() if kept.uploaded]
        if there:
            with self.notes.timing("download"):
                self.compare(self.chance.choice(there))

    def compare(self, asset: str) -> None:
        """Fetch a file, and see whether it is what was sent."""
        link = self.call.ask("query($id: ID!) { asset(id: $id) { contentUrl } }", id=asset)["asset"]["contentUrl"]
        answer = self.call.send("GET", link)
        if hashlib.sha256(answer.content).hexdigest() != self.journal.assets[asset].digest:
            self.notes.problem(f"{asset} is another file now, or none (HTTP {answer.status_code})")

    def rename(self) -> None:
        if self.journal.assets:
            asset, title = self.chance.choice(list(self.journal.assets)), self._title()
            self._done("updateAsset", assetId=asset, title=title)
            self.journal.assets[asset].title = title

    def prompt(self) -> None:
        variations = self.chance.randint(1, 2)
        with self.notes.timing("a run, from submitPrompt to its end"):
            made = self._done(
                "submitPrompt", "prompt { id }", projectId=self.project, text="Write a line.", variations=variations
            )
            prompt = made["prompt"]["id"]
            self.journal.prompts[prompt] = []
            self.journal.runs[prompt] = variations
            last = self.call.follow(_RUN, id=prompt)
        found = self.call.ask(OUTPUTS, id=prompt)["prompt"]
        self.journal.prompts[prompt] = [edge["node"] for edge in found["outputs"]["edges"]]
        if (last["prompt"]["status"], len(self.journal.prompts[prompt])) != ("COMPLETED", variations):
            self.notes.problem(f"a run ended {last['prompt']['status']} with {self.journal.prompts[prompt]}")

    def read_trail(self) -> None:
        with self.notes.timing("audit trail, the newest 50"):
            asked = "{ auditEvents(first: 50) { edges { node { id action resourceId ipAddress } } } }"
            found = {edge["node"]["id"] for edge in self.call.ask(asked)["auditEvents"]["edges"]}
        if self.journal.events[-1] not in found:
            self.notes.problem("the newest event is not in the trail")

    def export(self) -> None:
        self._step_up()
        with self.notes.timing("an export, until it is ready"):
            made = self._done("requestExport", "export { id }", scope="PROJECT", projectId=self.project)
            export = made["export"]["id"]
            self.journal.exports.append(export)
            last = self.call.follow(_EXPORT, id=export)
        if last["status"] != "READY":
            self.notes.problem(f"an export ended {last['status']}")
            return
        self._step_up()
        link = self._done("mintExportLink", "url", exportId=export)["url"]
        with self.notes.timing("an archive, fetched"):
            archive = self.call.send("GET", link).content
        vkey = self.call.send("GET", "/ledger/vkey").text.strip()
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(archive)
            self.notes.problems.extend(f"an archive: {each}" for each in verify(Path(file.name), vkey).problems)

    def delete(self) -> None:
        if len(self.journal.assets) > 3:
            asset = self.chance.choice(list(self.journal.assets))
            self._step_up()
            with self.notes.timing("a deletion, until its certificate is signed"):
                self._destroyed(self._done("deleteAsset", "deletion { id }", assetId=asset))
            del self.journal.assets[asset]
            self.journal.gone.append(asset)

    def leave(self) -> None:
        """Have the whole account erased, and come back as somebody new."""
        self._step_up()
        with self.notes.timing("an account, until its certificate is signed"):
            self._destroyed(self._done("deleteAccount", "deletion { id }", confirm=True))
        left = self.journal
        left.gone += [*left.assets, *left.prompts, *left.exports]
        self.journal = Journal(gone=left.gone, deletions=left.deletions, events=left.events, runs=left.runs)
        self.lives += 1
        self.call.token, self.project, self._proved = None, "", 0.0
        self.email = f"{self.name}-{self.lives}@example.org"
        self.arrive()

    def _destroyed(self, made: dict[str, Any]) -> None:
        deletion = made["deletion"]["id"]
        self.journal.deletions.append(deletion)
        last = self.call.follow(_DELETION, id=deletion)
        if last["status"] != "ERASED" or last["certificate"] is None:
            self.notes.problem(f"a deletion ended {last['status']}")

    def _done(self, name: str, /, wants: str = "", **given: Any) -> dict[str, Any]:
        """One mutation, timed, its event noted."""
        with self.notes.timing(name):
            made = self.call.do(name, f"{wants} auditEventId", **given)
        self.journal.events.append(made["auditEventId"])
        return made

    def _step_up(self) -> None:
        if time.monotonic() - self._proved > 300:
            self._done("stepUp", password=PASSWORD)
            self._proved = time.monotonic()

    def _node(self, id: str, kind: str) -> dict[str, Any]:
        asked = f"query($id: ID!) {{ node(id: $id) {{ ... on {kind} {{ status }} }} }}"
        return dict(self.call.ask(asked, id=id)["node"] or {"status": "not there"})

    def _title(self) -> str:
        return " ".join(self.chance.sample(_WORDS, 3))

    def _try(self, what: Callable[[], None]) -> None:
        try:
            what()
        except Refused as refused:
            if refused.code == "RATE_LIMITED":
                self.notes.limited[what.__name__] += 1
            elif refused.code == "STEP_UP_REQUIRED" and self._proved:
                self.notes.limited["asked again who it is"] += 1  # the sentinel took it for a mass deletion
                self._proved = 0.0
            else:
                self.notes.problem(f"{what.__name__}: {refused}")
        except Exception as error:
            self.notes.problem(f"{what.__name__}: {error!r}")


class Crowd:
    """All of them."""

    def __init__(self, house: House, people: int, seed: int) -> None:
        self.house = house
        self.notes = Notes()
        self.stopping = threading.Event()
        self.people = [Person(self, f"person-{number}", seed + number) for number in range(people)]

    def start(self) -> None:
        for each in self.people:
            each.start()

    def stop(self) -> None:
        """Nobody begins anything new."""
        self.stopping.set()

    def finish(self, seconds: float) -> None:
        """Wait until everybody has ended what they were at."""
        deadline = time.monotonic() + seconds
        for each in self.people:
            each.join(max(0.0, deadline - time.monotonic()))
            if each.is_alive():
                self.notes.problem(f"{each.name} still waits for an answer")
