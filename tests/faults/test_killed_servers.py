"""kill -9 in the middle of everything at once: started again, each thing ends right, and nothing is there twice."""

import random
import time
from pathlib import Path

from storage.archives.verifying import verify
from storage.blobs.claims import remove_abandoned
from tests.agents.standins import StandIn
from tests.faults.servers import Callers, Server, serving, wait_for
from tests.world import Person

READY_SECONDS = 10
BODY = b"The tide comes in, the tide goes out, and nobody asks it to.\n" * 50_000
LARGE = random.Random(1).randbytes(12_000_000).hex().encode()
WORDS = [f"word{number} " for number in range(12)]


def ask_for_export(api: Callers, person: Person) -> str:
    api.step_up(person)
    wants = "export { id }"
    return str(api.do("requestExport", person, wants=wants, scope="ACCOUNT").data["it"]["export"]["id"])


def status(api: Callers, person: Person, kind: str, id: str, wants: str = "status") -> dict[str, object]:
    found = api.ask(f"query($id: ID!) {{ node(id: $id) {{ ... on {kind} {{ {wants} }} }} }}", person, id=id)
    return dict(found.data["node"])


def test_generation_upload_and_export_survive_being_killed(
    home: Path, database_url: str, stand_in: StandIn, chance: random.Random, tmp_path: Path
) -> None:
    """Killed while it writes, receives and packs, and again while it resumes: all of it is there, once."""
    stand_in.words, stand_in.pause = WORDS, 0.04
    with serving(home, database_url, model_url=stand_in.url) as server:
        api, server.afresh = server.api, True  # what a start takes is asked of those that find something to resume
        mara = api.register("mara")
        project = api.project(mara)
        api.asset(mara, project, LARGE)
        waiting, url = api.announce(mara, project, len(BODY))
        with server.half_an_upload(url, BODY):
            wait_for(lambda: [path for path in server.incoming() if path.stat().st_size > len(BODY) // 4])
            prompt = api.prompt(mara, project, variations=4)
            wait_for(lambda: server.count("outputs") >= 1)
            export = ask_for_export(api, mara)
            wait_for(lambda: status(api, mara, "Export", export)["status"] == "RUNNING")
            time.sleep(chance.uniform(0, 0.3))
            server.kill()
        assert server.rows("SELECT status FROM prompts UNION ALL SELECT status FROM exports") == [("RUNNING",)] * 2
        spent = [server.start()]
        time.sleep(chance.uniform(0, 0.5))
        server.kill()
        spent.append(server.start())
        assert max(spent) < READY_SECONDS

        wait_for(lambda: status(api, mara, "Prompt", prompt)["status"] == "COMPLETED")
        wait_for(lambda: status(api, mara, "Export", export)["status"] == "READY")
        assert_upload_starts_anew(server, mara, waiting, url)
        assert_every_variation_once(server, mara, prompt, 4)
        assert_one_archive(server, mara, export, tmp_path / "archive.zip")
        assert server.files() == server.ids("blobs")


def assert_upload_starts_anew(server: Server, person: Person, asset: str, url: str) -> None:
    """Nothing of the first attempt is left that somebody holds, and the second succeeds."""
    assert status(server.api, person, "Asset", asset) == {"status": "AWAITING_UPLOAD"}
    if server.alone:
        assert server.incoming() == []
    for path in server.incoming():  # where other processes may be writing, tidying takes them an hour later
        assert remove_abandoned(path, time.time())
    uploaded = server.told()["asset.uploaded"]
    assert server.api.client.put(url, content=BODY).status_code == 201
    assert server.api.client.get(server.api.content_url(person, asset)).content == BODY
    assert server.told()["asset.uploaded"] == uploaded + 1


def assert_every_variation_once(server: Server, person: Person, prompt: str, asked: int) -> None:
    """As many outputs as were asked for, each stored and told once, and the counts add up."""
    wants = "stored failed cancelled outputs { totalCount edges { node { variation text } } }"
    found = status(server.api, person, "Prompt", prompt, wants)
    outputs = [edge["node"] for edge in found.pop("outputs")["edges"]]  # type: ignore[index]
    assert found == {"stored": asked, "failed": 0, "cancelled": 0}
    assert outputs == [{"variation": number + 1, "text": "".join(WORDS).strip()} for number in range(asked)]
    assert server.count("outputs") == asked
    assert (server.told()["output.stored"], server.told()["run.finished"]) == (asked, 1)


def assert_one_archive(server: Server, person: Person, export: str, place: Path) -> None:
    """Built once, downloadable, and it verifies."""
    assert (server.told()["export.built"], server.told()["export.failed"]) == (1, 0)
    url = server.api.do("mintExportLink", person, wants="url", exportId=export).data["it"]["url"]
    place.write_bytes(server.api.client.get(url).content)
    vkey = server.api.client.get("/ledger/vkey").text.strip()
    assert verify(place, vkey).problems == []
