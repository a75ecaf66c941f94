"""Every unattended loop is listed, with what becomes of an item that it can't process: a new one is found here."""

import ast

from muniment import crew, loops
from muniment.loops import BadItem
from tests.contract.source import ROOMS, calls, modules, nodes

NO_LOOPS = {
    "agents/deadlines.py": "looks up one name",
    "agents/models/child.py": "ends the model's process with its parent",
    "agents/models/gateway.py": "reads one answer of a model",
    "muniment/serve.py": "imports a module once",
    "muniment/tallies.py": "reads one secret",
    "muniment/metrics.py": "serves metrics",
}
"""Threads that work on no items."""


def _threads() -> set[str]:
    return {path for path, tree in modules(*ROOMS) for _, name, _ in calls(tree) if name == "Thread"}


def test_every_thread_is_a_loop_that_is_listed_or_none() -> None:
    """One that is started somewhere new is to be thought about: what does it do about a bad item?"""
    assert _threads() - NO_LOOPS.keys() == {loop.where for loop in loops.THREADS}


def test_every_task_of_the_scheduler_is_listed() -> None:
    """By its name, in the order in which they run."""
    tree = next(tree for path, tree in modules("muniment") if path == "muniment/tidying.py")
    [method] = (node for node in nodes(tree) if isinstance(node, ast.FunctionDef) and node.name == "tasks")
    [tasks] = (node.value for node in nodes(method) if isinstance(node, ast.Return))
    assert isinstance(tasks, ast.Dict)
    assert [key.value for key in tasks.keys if isinstance(key, ast.Constant)] == [loop.where for loop in loops.TASKS]


def test_every_workflow_is_listed() -> None:
    """Each by the name under which it is queued."""
    assert sorted(crew.WORKFLOWS) == sorted(loop.where for loop in loops.WORKFLOWS)


def test_what_is_set_aside_has_a_name_that_is_listed() -> None:
    """Each name is used once in the code, and says which loop the item is of."""
    used: list[str] = []
    for path, tree in modules("agents", "muniment"):
        if path == "agents/loops.py":
            continue
        for call, name, owner in calls(tree):
            if (name, owner) in (("each", "loops"), ("set_aside", "loops"), ("_in_pieces", "self")):
                used += [
                    each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
                ]
    assert set(used) | {"sentinel"} == loops.NAMES  # the sentinel's name is a constant of its own


def test_each_says_why() -> None:
    """Who sets nothing aside says what happens instead; who does, under which names."""
    for loop in loops.LOOPS:
        assert loop.why
        assert bool(loop.names) == (loop.bad_item is BadItem.SET_ASIDE), loop.where
