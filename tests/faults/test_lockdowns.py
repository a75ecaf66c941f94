"""A lock-down of a running server, over its socket, while the worker and the provider of models are away."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests import forks
from tests.agents.standins import provider
from tests.faults.servers import Server, wait_for
from tests.world import ROOT, TEXT

pytestmark = pytest.mark.one_database("sqlite", reason="each database tells of it in tests/storage and tests/resolvers")


def lockdown(server: Server, *arguments: str) -> int:
    """The command, in a process of its own beside the server; its exit code."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")}
    command = ["-m", "muniment", "lockdown", *arguments, "--home", server.home]
    return int(forks.run(command, cwd=ROOT, env=kept | server._set).returncode)


def test_reading_exporting_and_deleting_go_on_while_worker_and_provider_are_away(
    home: Path, database_url: str, began: None
) -> None:
    """What is asked for without a worker is done by the first that comes, in the lock-down; all else waits for its end."""
    with provider() as stand_in:
        server = Server(home, database_url, worker="false", model_url=stand_in.url)
        server.start()
    try:
        exercise(server)
    finally:
        server.close()


def exercise(server: Server) -> None:
    api = server.api
    mara, ben = api.register("mara"), api.register("ben")  # an export that is waiting would go with what is deleted
    for person in (mara, ben):
        api.step_up(person)
    project = api.project(mara)
    kept, going = api.asset(mara, project), api.asset(ben, api.project(ben))
    _, upload = api.announce(mara, project)
    prompt = api.prompt(mara, project)
    assert lockdown(server, "status") == 0
    assert lockdown(server, "on", "--reason", "Somebody has a key that is not theirs.", "--hours", "1") == 0
    wait_for(lambda: api.do("createProject", mara, name="New").code == "LOCKED_DOWN")
    assert lockdown(server, "status") == 1
    assert lockdown(server, "on", "--reason", "Once more, to be sure.", "--hours", "1") == 1
    projects = server.count("projects")
    for name, given in (("submitPrompt", {"projectId": project, "text": "W"}), ("createProject", {"name": "N"})):
        assert api.do(name, mara, **given).code == "LOCKED_DOWN"
    assert api.client.put(upload, content=TEXT).status_code == 503
    assert api.client.get("/health/ready").status_code == 200
    assert api.client.get(api.content_url(mara, kept)).content == TEXT
    export = api.do("requestExport", mara, wants="export { id }", scope="ACCOUNT").data["it"]["export"]["id"]
    deletion = api.do("deleteAsset", ben, wants="deletion { id }", assetId=going).data["it"]["deletion"]["id"]
    server.kill()
    server._set["MUNIMENT_WORKER"] = "true"
    server.start()
    assert api.do("createProject", mara, name="New").code == "LOCKED_DOWN"  # known from the first request on
    wait_for(lambda: status(server, mara, "Export", export) == "READY")
    wait_for(lambda: status(server, ben, "Deletion", deletion) == "ERASED")
    link = api.do("mintExportLink", mara, wants="url", exportId=export).data["it"]["url"]
    assert api.client.get(link).content.startswith(b"PK")
    assert (status(server, mara, "Prompt", prompt), server.count("projects")) == ("QUEUED", projects)
    assert lockdown(server, "off") == 0
    wait_for(lambda: api.do("createProject", mara, name="New").code is None)
    wait_for(lambda: status(server, mara, "Prompt", prompt) != "QUEUED")
    told = server.told()
    assert (told["lockdown.begun"], told["lockdown.ended"], told["access.denied"]) == (1, 1, 0)


def status(server: Server, by: Any, kind: str, given: str) -> str:
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on {kind} {{ status }} }} }}"
    return str(server.api.ask(query, by, id=given).data["node"]["status"])
