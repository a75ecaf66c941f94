"""The longest tests first: one that began last would leave every other core waiting for it. The rest stays in random order."""

import os

import pytest

LONGEST = frozenset(
    {
        "test_a_foreign_thing_is_refused_as_one_that_never_was",
        "test_a_newcomer_comes_from_a_wish_to_a_merged_change",
        "test_a_policy_that_can_not_be_served_is_not_even_proposed",
        "test_a_run_killed_while_it_writes_is_finished_by_the_next_process",
        "test_each_caller_is_told_what_the_policy_says_and_nothing_happens_after_a_refusal",
        "test_every_query_is_answered_as_without_the_short_way",
        "test_every_question_answers_alike_beside_what_may_not_be_seen",
        "test_generation_upload_and_export_survive_being_killed",
        "test_killed_at_any_step_it_goes_on_from_what_was_acknowledged",
        "test_no_arguments_tell_what_may_not_be_seen",
        "test_no_call_fails_while_keys_are_rotated_and_the_rotation_is_killed",
        "test_oso_misses_it_too",
        "test_the_marker_is_found_nowhere_in_clear",
    }
)
"""Each takes ten seconds or more. `pytest --durations 30` says which do."""


def in_turn(names: list[str], workers: int) -> list[int]:
    """The order in which to run tests of these names: the longest at the front of what each worker is given.

    xdist gives each of them a run of the list, all equally long, and has whoever is done take over from others' ends.
    """
    long = [place for place, name in enumerate(names) if name in LONGEST]
    rest = [place for place, name in enumerate(names) if name not in LONGEST]
    share, found = len(names) // workers, []
    for worker in range(workers):
        first = long[worker::workers]
        few = len(rest) if worker == workers - 1 else max(0, share - len(first))
        found += first + rest[:few]
        del rest[:few]
    return found


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """After pytest-randomly."""
    names = [getattr(item, "originalname", item.name) for item in items]
    items[:] = [items[place] for place in in_turn(names, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))]
