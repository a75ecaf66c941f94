"""Several processes fill one contributor's room at once, and one of them is killed: never more than there is."""

import select
import subprocess
from pathlib import Path

from sqlalchemy import Engine

from storage import quotas
from storage.database import transaction
from storage.quotas import Allowance
from tests.agents.households import household, person
from tests.forks import Forked
from tests.world import ROOT

ROOM = 40
TAKING = """
import sys, uuid
from storage import quotas
from storage.assets import Asset
from storage.database import open_engine, transaction
from storage.quotas import Allowance, QuotaExceeded
from storage.sealed import Sealed
url, owner, project, room = sys.argv[1], uuid.UUID(sys.argv[2]), uuid.UUID(sys.argv[3]), int(sys.argv[4])
words = dict.fromkeys(("file_name", "title", "description", "tags"), Sealed(b"\\x01" + b"x" * 60))
engine = open_engine(url)
for _ in range(room):
    try:
        with transaction(engine) as session:
            session.add(Asset(owner_id=owner, project_id=project, media_type="text/plain", byte_size=3, **words))
            session.flush()
            quotas.take(session, owner, 3, Allowance(10 ** 9, room))
        print("taken", flush=True)
    except QuotaExceeded:
        print("full", flush=True)
"""


def test_processes_that_add_files_at_once_get_what_there_is_together(
    home: Path, engine: Engine, database_url: str
) -> None:
    """Each would fill it alone; one is killed with kill -9 on its way. What was told as taken is there, and counted."""
    with household(home, engine) as agents:
        mara = person(agents, "mara")
    command = ["-c", TAKING, database_url, mara.id, mara.projects[0], ROOM]
    crowd = [Forked(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told, killed = [], None
    while killed is None:  # whichever takes something first: one that started late may find everything full
        for stdout in select.select([each.stdout for each in crowd], [], [], 120)[0]:
            told.append(stdout.readline().strip())
            if told[-1] == "taken" and killed is None:
                killed = next(each for each in crowd if each.stdout is stdout)
                killed.kill()
    told += [line for each in crowd for line in each.stdout.read().split()]
    for each in crowd:
        each.wait(120)
        each.stdout.close()
    assert [each.returncode for each in crowd if each is not killed] == [0, 0]
    with transaction(engine, read_only=True) as session:
        use = quotas.use_of(session, mara.id, Allowance(10**9, ROOM))
        assert not quotas.drifted(session)
    assert (use.files, use.byte_size) == (ROOM, 100_007 + 3 * (ROOM - 2))  # two were there before
    assert ROOM - 2 - 1 <= told.count("taken") <= ROOM - 2  # of who was killed one may be there that was not told
    assert told.count("full") >= ROOM
