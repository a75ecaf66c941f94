"""Acts one and two: an account, a project, and files that come in and go out byte for byte."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from muniment.demo.cast import SAMPLES, Asset, File, Person, Work
from muniment.demo.stage import Stage, demand

_PREFERENCES = """
query Preferences { viewer { kind contributor { displayName privacyPreferences {
  styleLearning training analytics services supportAccess
} } } }"""

_SERVICES = "{ services { name terms outside } }"

_ALLOW = """
mutation Allow($input: UpdatePrivacyPreferencesInput!) {
  updatePrivacyPreferences(input: $input) { privacyPreferences { services training } }
}"""

_CREATE_PROJECT = """
mutation CreateProject($input: CreateProjectInput!) { createProject(input: $input) { project { id name } } }"""

_CREATE_ASSET = """
mutation CreateAsset($input: CreateAssetInput!) { createAsset(input: $input) { asset { id } uploadUrl } }"""

_ASSET = "query Asset($id: ID!) { asset(id: $id) { status checksum contentUrl } }"


def open_account(stage: Stage, ada: Person) -> None:
    """Register, sign in, and see what is allowed before anybody was asked."""
    stage.act(
        "An account",
        "Ada registers. From this moment on, keys of her own exist, and everything of hers is sealed with them.",
    )
    with stage.step("She has registered") as step:
        ada.register()
        step.detail = ada.email
    with stage.step("She has signed in") as step:
        viewer = ada.sign_in()
        demand(viewer["kind"] == "CONTRIBUTOR", f"a session of kind {viewer['kind']}.")
        step.detail = "the token is known to her alone; the server keeps a keyed hash of it"
    with stage.step("Nothing is switched on that she was not asked about") as step:
        preferences = ada.client.ask(_PREFERENCES)["viewer"]["contributor"]["privacyPreferences"]
        demand(not any(preferences.values()), f"switched on: {', '.join(k for k, v in preferences.items() if v)}.")
        step.detail = "training, style learning, analytics, services outside and support access are off"
    outside = [each for each in ada.client.ask(_SERVICES)["services"] if each["outside"]]
    if not outside:
        return
    names = [each["name"] for each in outside]
    with stage.step(f"She lets her words go to {', '.join(names)}, where this server's model is") as step:
        training = any(each["terms"] == "MAY_TRAIN" for each in outside)
        ada.client.ask(_ALLOW, input={"services": names, "training": training})
        step.detail = "its operator has promised nothing, so she allows training too" if training else "no training"


def bring_files(stage: Stage, ada: Person, work: Work, files: Sequence[Path]) -> None:
    """A project, and files in it, encrypted as they arrive and given back byte for byte."""
    stage.act(
        "A project and its files", "Each file is encrypted while it arrives: no byte of it touches the disk in clear."
    )
    name = f"Marrow Point {work.word}"
    with stage.step(f"She has started the project “{name}”") as step:
        made = ada.client.ask(_CREATE_PROJECT, input={"name": name})["createProject"]["project"]
        demand(made["name"] == name, "a project of another name.")
        work.project = made["id"]
        step.detail = "it has keys of its own"
    for path in files or (SAMPLES / "lighthouse.png", SAMPLES / "brief.md"):
        with stage.step(f"{path.name} is there") as step:
            work.assets.append(_upload(stage, ada, work, File.read(path)))
            file = work.assets[-1].file
            step.detail = f"{file.media_type}, {len(file.content):,} bytes; fetched back, byte for byte the same"


def _upload(stage: Stage, ada: Person, work: Work, file: File) -> Asset:
    stem, dot, ending = file.name.rpartition(".")
    announced = {
        "projectId": work.project,
        "fileName": f"{stem} {work.word}{dot}{ending}" if dot else f"{file.name} {work.word}",
        "mediaType": file.media_type,
        "byteSize": len(file.content),
        "title": f"{file.title} {work.word}",
        "description": f"{file.description} {work.word}",
        "tags": ["marrow point", work.word],
    }
    made = ada.client.ask(_CREATE_ASSET, input=announced)["createAsset"]
    with stage.transfer(f"uploading {file.name}", len(file.content)) as advance:
        ada.client.upload(made["uploadUrl"], file.content, advance)
    there = ada.client.ask(_ASSET, id=made["asset"]["id"])["asset"]
    demand(there["status"] == "AVAILABLE", f"an asset that is {there['status']}.")
    own = f"sha256:{hashlib.sha256(file.content).hexdigest()}"
    demand(there["checksum"] == own, "another SHA-256 than the file has.")
    demand(ada.client.download(there["contentUrl"]) == file.content, "other bytes than were sent.")
    return Asset(made["asset"]["id"], file, there["contentUrl"])
