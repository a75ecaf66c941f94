"""The garbage collector of a process that starts, and then stays."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_YOUNG_OBJECTS = 20_000
"""How many new objects there may be before the garbage collector looks at them."""


@contextmanager
def left_alone() -> Iterator[None]:
    """Nothing is looked for while the block runs, or until `settle`: nearly all that a start loads is here to stay.

    Looking for garbage among it, again and again, was a sixth of the time that imports take.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def keep() -> None:
    """All that there is now is here to stay. Nothing is looked for in it: of a quarter of a million objects that a
    start loads, one in a hundred and fifty is garbage, and finding those takes a tenth of a second.
    """
    gc.freeze()


def settle() -> None:
    """Have the garbage collector leave alone what is here to stay: modules, the schema, the policy.

    A page allocates thousands of objects and next to no cycles; looking for some among all that was a tenth of its
    time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 10, 10)
    gc.enable()
