"""The offline model in its child process: real text, nothing in sight of others, and never an orphan."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from agents.models.failures import ModelError
from agents.models.gateway import Gateway
from agents.models.local import NAME, LocalModel
from agents.models.providers import Message
from tests.agents.gates import SENDING, Open
from tests.forks import Forked

BRIEF = [Message("system", "You write for a museum."), Message("user", "A line about the harbour of marker-0815.")]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model() -> Iterator[LocalModel]:
    model = LocalModel()
    yield model
    model.close()


@pytest.fixture
def gateway(model: LocalModel) -> Gateway:
    return Gateway([model], gate=Open())


def write(gateway: Gateway, seed: int = 5, max_tokens: int = 30) -> str:
    return "".join(gateway.stream(NAME, BRIEF, sending=SENDING, seed=seed, max_tokens=max_tokens, temperature=0.9))


def running(process_id: int) -> bool:
    state = Path(f"/proc/{process_id}/stat")
    return state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def wait_until_gone(process_id: int) -> None:
    for _ in range(100):
        if not running(process_id):
            return
        time.sleep(0.05)
    raise AssertionError("the child outlived its parent")


def test_it_writes_real_text_and_the_same_again_for_the_same_seed(gateway: Gateway) -> None:
    """Words come without any network; a resumed variation with its seed says the same, another seed something else."""
    text = write(gateway)
    assert len(text.split()) >= 8
    assert write(gateway) == text
    assert write(gateway, seed=6) != text


def test_provenance_carries_the_digest_of_the_model_file(gateway: Gateway) -> None:
    """What wrote an output can be held against the file that is published."""
    facts = gateway.facts(NAME)
    assert facts.provider == "embedded"
    assert facts.digest == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def test_the_child_shows_nothing_to_other_processes(gateway: Gateway, model: LocalModel) -> None:
    """Arguments and environment hold neither brief nor key; the port wants the key; slots show nobody anything."""
    write(gateway)
    assert model.process_id is not None
    for view in ("cmdline", "environ"):
        shown = Path(f"/proc/{model.process_id}/{view}").read_bytes()
        assert b"marker-0815" not in shown
        assert model._endpoint is not None
        assert model._endpoint.api_key.encode() not in shown
    base = model._endpoint.base_url
    question = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
    assert httpx2.post(f"{base}/chat/completions", json=question, trust_env=False).status_code == 401
    key = {"Authorization": f"Bearer {model._endpoint.api_key}"}
    slots = httpx2.get(base.removesuffix("/v1") + "/slots", headers=key, trust_env=False)
    assert slots.status_code in (404, 501)
    assert "marker-0815" not in slots.text


def test_the_child_has_no_file_open_for_writing(gateway: Gateway, model: LocalModel) -> None:
    """It holds its model, pipes and sockets; the kernel would refuse it any byte on disk, and a core dump too."""
    write(gateway, max_tokens=5)
    limits = Path(f"/proc/{model.process_id}/limits").read_text().splitlines()
    for name in ("Max file size", "Max core file size"):
        (line,) = (line for line in limits if line.startswith(name))
        assert line.removeprefix(name).split()[:2] == ["0", "0"]


def test_a_child_that_died_is_replaced(gateway: Gateway, model: LocalModel) -> None:
    """A crash of llama.cpp costs one answer, not the service."""
    write(gateway, max_tokens=5)
    first = model.process_id
    assert first is not None
    answer = gateway.stream(NAME, BRIEF, sending=SENDING, seed=1, max_tokens=400, temperature=0.9)
    while not next(answer):
        pass
    os.kill(first, signal.SIGKILL)
    with pytest.raises(ModelError) as caught:
        for _ in answer:
            pass
    assert caught.value.transient
    assert write(gateway, max_tokens=5)
    assert model.process_id not in (None, first)


def test_a_child_that_is_still_loading_ends_with_its_parent() -> None:
    """Killed before the child could even say its port, the parent leaves no child behind."""
    script = (
        "import threading, time\n"
        "from agents.models.local import LocalModel\n"
        "m = LocalModel()\n"
        "threading.Thread(target=m._running, daemon=True).start()\n"
        "while m.process_id is None: time.sleep(0.001)\n"
        "print(m.process_id, flush=True); time.sleep(60)\n"
    )
    for moment in (0.0, 0.1, 0.2, 0.4):
        parent = Forked(["-c", script], stdout=subprocess.PIPE, cwd=ROOT)
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(moment)
        parent.kill()
        parent.wait()
        parent.stdout.close()
        wait_until_gone(child)


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM])
def test_the_child_ends_with_its_parent(kill: signal.Signals) -> None:
    """Killed with no chance to clean up, in the middle of an answer, the parent leaves no child behind."""
    script = (
        "from agents.models.gateway import Gateway\n"
        "from agents.models.local import LocalModel\n"
        "from agents.models.providers import Message\n"
        "from tests.agents.gates import SENDING, Open\n"
        "m = LocalModel(); g = Gateway([m], gate=Open())\n"
        "brief = [Message('user', 'a long story')]\n"
        "for piece in g.stream(m.model, brief, sending=SENDING, seed=1, max_tokens=3000, temperature=1):\n"
        "    if piece: print(m.process_id, flush=True)\n"
    )
    parent = Forked(["-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert running(child)
    parent.send_signal(kill)
    parent.wait()
    parent.stdout.close()
    wait_until_gone(child)


def test_a_question_waits_its_turn(gateway: Gateway) -> None:
    """One answer at a time: a second question gets pulses until the first is over, and may leave meanwhile."""
    first = gateway.stream(NAME, BRIEF, sending=SENDING, seed=1, max_tokens=200, temperature=0.9)
    while not next(first):
        pass
    second = gateway.stream(NAME, BRIEF, sending=SENDING, seed=2, max_tokens=5, temperature=0.9)
    assert next(second) == ""
    second.close()  # type: ignore[attr-defined]
    first.close()  # type: ignore[attr-defined]
    assert write(gateway, max_tokens=5)


def test_a_file_that_is_no_model_is_a_coded_error(tmp_path: Path) -> None:
    """A damaged model file ends in a code, with no child left."""
    damaged = tmp_path / "model.gguf"
    damaged.write_bytes(b"GGUF" + b"\0" * 4096)
    model = LocalModel("damaged", damaged)
    with pytest.raises(ModelError) as caught:
        list(
            Gateway([model], gate=Open()).stream("damaged", BRIEF, sending=SENDING, seed=1, max_tokens=5, temperature=0)
        )
    assert caught.value.code == "MODEL_UNAVAILABLE"
    assert model.process_id is None
