"""Bulkheads: a slow server has some threads wait for it, and the others go on at once."""

import concurrent.futures
import threading
import time

import pytest

from storage.bulkheads import Bulkhead, Busy


def test_a_slow_call_keeps_its_places_and_no_more() -> None:
    """While the others are under way for long nobody waits for a place; afterwards there are all of them again."""
    places, over, inside = Bulkhead(2, patience=5, slow=0.05), threading.Event(), threading.Barrier(3)

    def call() -> None:
        with places.entered():
            inside.wait()
            over.wait(30)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        under_way = [pool.submit(call) for _ in range(2)]
        inside.wait()
        time.sleep(0.06)
        begun = time.monotonic()
        for _ in range(20):
            with pytest.raises(Busy), places.entered():
                pass
        assert time.monotonic() - begun < 1
        over.set()
        for each in under_way:
            each.result()
    with places.entered(), places.entered():
        assert places.refused == 20


def test_a_healthy_server_is_waited_for_a_moment() -> None:
    """More calls than places, each of them short: all are made, and what fails gives its place back."""
    places, most, now_inside, lock = Bulkhead(2, patience=30, slow=30), [0], [0], threading.Lock()

    def call(number: int) -> int:
        try:
            with places.entered():
                with lock:
                    now_inside[0] += 1
                    most[0] = max(most[0], now_inside[0])
                time.sleep(0.005)
                with lock:
                    now_inside[0] -= 1
                if number % 3 == 0:
                    raise ValueError
        except ValueError:
            pass
        return number

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(call, range(60))) == list(range(60))
    assert most == [2]


def test_patience_ends() -> None:
    """A place that is not given back in time is done without."""
    places = Bulkhead(1, patience=0.05, slow=30)
    with places.entered(), pytest.raises(Busy), places.entered():
        pass
