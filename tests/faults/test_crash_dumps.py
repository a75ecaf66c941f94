"""What is left of a process that crashes: nothing of what was in its memory."""

import os
import sys
from pathlib import Path

import pytest

from tests import forks
from tests.faults.servers import serving

pytestmark = pytest.mark.one_database("sqlite", reason="it is about a process")

_CRASHING = """
import ctypes, os, resource, subprocess, sys
from muniment.dumps import leave_none

if sys.argv[1] == "ours":
    leave_none()
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))  # PR_GET_DUMPABLE
print(subprocess.run(["sh", "-c", "ulimit -c"], capture_output=True, text=True).stdout.strip(), flush=True)
try:  # root may take the limit back: what is left then is that the process can't be dumped
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
except ValueError:
    pass
os.abort()
"""


def test_a_server_and_what_it_starts_have_no_room_for_a_dump(home: Path, database_url: str) -> None:
    """The limit is the hard one too, which nothing but root raises again."""
    with serving(home, database_url) as server:
        limits = Path("/proc", str(server.pid), "limits").read_text().splitlines()
    [line] = [line for line in limits if line.startswith("Max core file size")]
    assert line.split()[4:6] == ["0", "0"]


@pytest.mark.parametrize(("whose", "dumpable", "dumps"), [("ours", "0", False), ("another's", "1", True)])
def test_a_process_that_crashes_leaves_no_memory_behind(tmp_path: Path, whose: str, dumpable: str, dumps: bool) -> None:
    """Also where the limit is lifted again; another process does leave its memory, wherever root runs these tests."""
    ended = forks.run(
        ["-c", _CRASHING, whose], cwd=tmp_path, afresh=True, env={**os.environ, "PYTHONPATH": str(forks.ROOT)}
    )
    said, limit = ended.stdout.decode().split()
    assert said == dumpable
    assert limit == "0" or dumps
    assert ended.returncode == -6
    left = [path.name for path in tmp_path.iterdir()]
    assert (left != []) == (dumps and os.geteuid() == 0 and _dumps_to_files())


def _dumps_to_files() -> bool:
    return sys.platform == "linux" and Path("/proc/sys/kernel/core_pattern").read_text().strip() == "core"
