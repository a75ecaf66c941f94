"""Act seven: everything of hers in one archive, opened, and checked without the server."""

import io
import json
import tempfile
import zipfile
from pathlib import Path

from muniment.demo import refusals
from muniment.demo.cast import Person, Work
from muniment.demo.stage import Stage, demand
from storage.archives.verifying import verify

_REQUEST = """
mutation Request($input: RequestExportInput!) { requestExport(input: $input) { export { id status } } }"""

_PROGRESS = """
subscription Progress($id: ID!) { exportProgress(exportId: $id) { status percentage byteSize expiresAt } }"""

_MINT = "mutation Mint($input: MintExportLinkInput!) { mintExportLink(input: $input) { url } }"


def take_out(stage: Stage, ada: Person, work: Work, staff: refusals.Staff | None, vkey: str) -> Path:
    """Export, download, open, verify. Answers where the archive lies: it is hers, and stays."""
    stage.act(
        "Everything, to take home",
        "One archive with all that is held of hers; a copy is only made for somebody who has just proved who they are.",
    )
    order = {"scope": "ACCOUNT"}
    with stage.step("Asked for it without a fresh proof, the server wants one") as step:
        answer = refusals.outcome(lambda client: client.ask(_REQUEST, input=order), ada.client)
        demand(answer == "STEP_UP_REQUIRED", f"{answer} instead of STEP_UP_REQUIRED.")
        step.detail = answer
    with stage.step("She has given her password once more, and asked again"):
        ada.step_up()
        work.export = ada.client.ask(_REQUEST, input=order)["requestExport"]["export"]["id"]
    with stage.step("The exports agent has made the archive") as step:
        states = [event["exportProgress"] for event in ada.client.follow(_PROGRESS, id=work.export)]
        demand(
            states and states[-1]["status"] == "READY",
            f"an export that is {states[-1]['status'] if states else 'silent'}.",
        )
        ready = states[-1]
        step.detail = f"{ready['byteSize']:,} bytes; destroyed by itself on {ready['expiresAt'][:10]}"
    if staff is not None:
        refusals.try_export(stage, work, staff)
    with stage.step("She has downloaded it") as step:
        work.export_link = ada.client.ask(_MINT, input={"exportId": work.export})["mintExportLink"]["url"]
        with stage.transfer("downloading", ready["byteSize"]) as advance:
            content = ada.client.download(work.export_link, advance)
        demand(len(content) == ready["byteSize"], f"{len(content):,} bytes instead of {ready['byteSize']:,}.")
        archive = Path(tempfile.mkdtemp(prefix="muniment-demo-")) / "everything-of-ada.zip"
        archive.write_bytes(content)
        step.detail = str(archive)
    _verify(stage, archive, vkey)
    _open(stage, ada, work, archive)
    return archive


def _verify(stage: Stage, archive: Path, vkey: str) -> None:
    with stage.step("It is whole, and signed by this server, as anybody can check offline") as step:
        report = verify(archive, vkey)
        demand(report.ok, report.lines[0])
        step.detail = "no network, no database: the archive and the key are enough"
    with stage.step("One changed byte, and the check says so") as step:
        changed = archive.with_name("tampered.zip")
        changed.write_bytes(_tampered(archive.read_bytes()))
        report = verify(changed, vkey)
        changed.unlink()
        demand(not report.ok, "a tampered archive passing for whole.")
        step.detail = report.lines[0]


def _open(stage: Stage, ada: Person, work: Work, archive: Path) -> None:
    with stage.step("It opens, and everything is in it") as step, zipfile.ZipFile(archive) as opened:
        sizes = {info.filename: info.file_size for info in opened.infolist()}
        schemas = [name for name in sizes if name.startswith("schemas/")]
        rows = [(name, f"{size:,}") for name, size in sorted(sizes.items()) if name not in schemas]
        stage.table(
            ("in the archive", "bytes"),
            [*rows, (f"schemas/ ({len(schemas)} files)", f"{sum(sizes[n] for n in schemas):,}")],
        )
        profile = json.loads(opened.read("profile.json"))
        demand(ada.email in profile.values(), "a profile without her e-mail.")
        packed = {opened.read(name) for name in sizes if name.startswith("assets/")}
        lost = [asset.file.name for asset in work.assets if asset.file.content not in packed]
        demand(not lost, f"an archive without {', '.join(lost)}.")
        texts = {opened.read(name).decode() for name in sizes if name.startswith("outputs/")}
        demand(texts == {output["text"] for output in work.outputs}, "an archive with other outputs.")
        step.detail = "her files byte for byte, her words, what was made of them, who touched it"


def _tampered(content: bytes) -> bytes:
    """The archive with one byte of one of its files changed."""
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        info = next(info for info in opened.infolist() if info.filename.startswith("assets/"))
    place = info.header_offset + 30 + len(info.filename.encode()) + info.compress_size // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
