"""The tests' own rules: a sentence each, random order, no way out to the network, databases both."""

import ast
import socket

import pytest

from tests.contract.source import ROOT, files, modules, nodes
from tests.longest import LONGEST, in_turn
from tests.network import LeftTheMachine


def test_every_test_says_in_a_sentence_what_it_shows() -> None:
    """The docstring is the behaviour in words; its first line ends a sentence."""
    silent = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in modules("tests")
        for node in nodes(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not (ast.get_docstring(node) or "").split("\n\n")[0].rstrip().endswith((".", "?", ":", ";"))
    ]
    assert silent == []


STARTED_AFRESH = {
    "resolvers/test_federation.py": "starts somebody else's program: an issuer of tokens",
    "forks.py": "starts the process that forks all others",
    "contract/test_containers.py": "a container's script starts one",
    "contract/test_rooms.py": "runs a program that lies beside the interpreter",
    "node/__main__.py": "starts the server as a user does",
    "proxies/__main__.py": "runs the tests that need nginx",
    "examples/test_guides.py": "what a guide shows is run by itself, without this directory on its path",
    "examples/test_python.py": "an example is run by itself, without this directory on its path",
    "muniment/test_cli.py": "is about what a command imports, and says without a traceback",
    "muniment/test_guides.py": "is run in a clone",
    "muniment/test_serve.py": "is about an interpreter's own signals and exit",
    "muniment/test_tls.py": "imports the server and nothing else",
    "services/kms.py": "starts a service in an environment of its own",
    "services/s3.py": "starts a service in an environment of its own",
    "storage/ledger/test_ledger_verifying.py": "the script of one file is run by itself",
}
"""Where an interpreter may be started, and why a fork would not do. Elsewhere it is two seconds for nothing."""


def test_second_processes_are_forked() -> None:
    """Starting an interpreter anew imports for seconds what tests/forks.py has already."""
    place = ROOT / "tests"
    started = {
        path.relative_to(place).as_posix()
        for path in files(".py")
        if path.is_relative_to(place) and "sys.executable" in path.read_text(encoding="utf-8")
    }
    assert started - {"contract/test_the_tests.py"} == set(STARTED_AFRESH), "use tests.forks.run or Forked"


def test_the_longest_tests_are_there() -> None:
    """One that was renamed would run last some day, alone."""
    names = {node.name for _, tree in modules("tests") for node in nodes(tree) if isinstance(node, ast.FunctionDef)}
    assert names >= LONGEST


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_every_worker_begins_with_its_share_of_the_longest(workers: int) -> None:
    """And every test is run once, the others in the order in which they came."""
    names = ["short"] * 20 + sorted(LONGEST) + ["short"] * 31
    order = in_turn(names, workers)
    assert sorted(order) == list(range(len(names)))
    others = [place for place in order if names[place] == "short"]
    assert others == sorted(others)
    share = len(names) // workers
    fronts = [[names[place] in LONGEST for place in order[share * worker :]] for worker in range(workers)]
    assert all(all(front[: len(LONGEST) // workers]) for front in fronts)


def test_order_is_random(pytestconfig: pytest.Config) -> None:
    """A test that needs another one first is found out."""
    assert pytestconfig.pluginmanager.hasplugin("randomly")
    assert pytestconfig.getoption("randomly_reorganize")


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_connections_to_other_machines_are_refused(host: str) -> None:
    """An address beyond loopback is refused before a packet leaves (RFC 5737 and RFC 3849 keep these two free)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as opened, pytest.raises(LeftTheMachine):
        opened.connect((host, 9))


def test_names_of_other_machines_are_not_looked_up() -> None:
    """A look-up tells a resolver what we are about to do."""
    with pytest.raises(LeftTheMachine):
        socket.getaddrinfo("example.org", 443)


def test_loopback_stays_open() -> None:
    """Servers under test are reached."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
