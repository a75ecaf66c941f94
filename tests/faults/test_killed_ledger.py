"""kill -9 of the whole server, again and again: what was acknowledged is in the log, once, and the log never turns back."""

import base64
import random
import time
from pathlib import Path

from resolvers.siem import PREFIX, digest
from storage.ledger import verify_audit
from storage.ledger.checkpoint import verify_leaf
from tests.faults.servers import Server, serving, wait_for

KILLS = 4
TOKEN = PREFIX + "a-token-of-43-characters-for-a-collector-0123456789"[:43]
PROOF = "query($id: ID!) { auditProof(id: $id) { leaf text } }"


def read(server: Server, path: str) -> bytes | None:
    answer = server.api.client.get(f"/ledger/{path}", headers={"authorization": f"Bearer {TOKEN}"})
    return answer.content if answer.status_code == 200 else None


def test_the_log_goes_on_after_every_kill(home: Path, database_url: str, chance: random.Random) -> None:
    """Each checkpoint that was ever seen begins the last one, and every acknowledged change is proven in it."""
    acknowledged, seen = [], []
    with serving(home, database_url, siem_token_sha256=digest(TOKEN)) as server:
        vkey = server.api.client.get("/ledger/vkey").text
        ada = server.api.register("ada")
        for _ in range(KILLS):
            for number in range(chance.randrange(5, 25)):
                made = server.api.do("createProject", ada, name=f"Harbour {number}")
                acknowledged.append(made.data["it"]["auditEventId"])
            time.sleep(chance.uniform(0, 0.5))
            if (note := read(server, "checkpoint")) is not None:
                seen.append(note)
            server.kill()
            server.start()
        wait_for(lambda: server.api.ask(PROOF, ada, id=acknowledged[-1]).data["auditProof"])
        seen.append(read(server, "checkpoint") or b"")
        for old in seen:
            assert verify_audit.verify(lambda path: read(server, path), vkey, old).problems == []
        for event in acknowledged:
            proof = server.api.ask(PROOF, ada, id=event).data["auditProof"]
            verify_leaf(base64.b64decode(proof["leaf"]), proof["text"], vkey.strip())
        assert len(set(acknowledged)) == len(acknowledged) == server.told()["project.created"]
        # Each proof asked for is an entry, so drafts come and go; one that a kill left would stay.
        wait_for(lambda: not list((home / "ledger").glob("*.part")))
