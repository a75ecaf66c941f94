"""Loading no more than there is a use for: methods that are compiled when asked for, libraries done without."""

import copy
import dataclasses
import inspect
import pickle
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import InitVar, dataclass, field
from types import FunctionType
from typing import Any

import pytest

from muniment import cli, loading

WRITTEN = {"__init__", "__repr__", "__eq__", "__lt__", "__hash__", "__setattr__", "__delattr__"}


def made() -> dict[str, Any]:
    """One of each kind of dataclass, made anew."""

    @dataclass
    class Plain:
        number: int
        words: list[str] = field(default_factory=list)
        unseen: int = field(default=3, repr=False, compare=False)

    @dataclass(frozen=True)
    class Frozen:
        """Where no words say what it is, `dataclasses` asks for the signature, and so for the method."""

        number: int
        word: str = "x"

    @dataclass(frozen=True, kw_only=True)
    class Heir(Frozen):
        """With more than what it inherits."""

        twice: InitVar[int] = 0
        further: int = 0

        def __post_init__(self, twice: int) -> None:
            object.__setattr__(self, "further", 2 * twice)

    class Changed(Plain):
        def __init__(self, number: int) -> None:
            super().__init__(number + 1)

    @dataclass(order=True)
    class Ordered:
        number: int

    @dataclass(frozen=True, slots=True)
    class Slotted:
        number: int

    @dataclass(unsafe_hash=True, repr=False)
    class Hashed:
        number: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Hashed)

    return {kind.__name__: kind for kind in (Plain, Frozen, Heir, Changed, Ordered, Slotted, Hashed)}


def _circular(kind: Any) -> str:
    thing = kind(1)
    object.__setattr__(thing, "word", [thing])
    return repr(thing)


USES: dict[str, Callable[[Any], Any]] = {
    "made": lambda kind: vars(kind(1)) if hasattr(kind(1), "__dict__") else kind(1).number,
    "made with a name": lambda kind: kind(number=1).number,
    "made of nothing": lambda kind: kind(),
    "made of too much": lambda kind: kind(1, 2, 3, 4, 5, 6),
    "made with an odd name": lambda kind: kind(1, odd=2),
    "made twice over": lambda kind: kind(number=1, twice=4).further,
    "shown": lambda kind: repr(kind(1)).partition(" at 0x")[0],
    "shown within itself": lambda kind: _circular(kind).partition(" at 0x")[0],
    "compared": lambda kind: (kind(1) == kind(1), kind(1) == kind(2), kind(1) != kind(2), kind(1) == 1),
    "ordered": lambda kind: kind(1) < kind(2) <= kind(2) > kind(1),
    "hashed": lambda kind: hash(kind(1)) == hash(kind(1)),
    "changed": lambda kind: setattr(kind(1), "number", 2),
    "added to": lambda kind: setattr(kind(1), "odd", 2),
    "taken from": lambda kind: delattr(kind(1), "number"),
    "replaced": lambda kind: dataclasses.replace(kind(1), number=5).number,
    "taken apart": lambda kind: dataclasses.asdict(kind(1)),
    "copied": lambda kind: copy.deepcopy(kind(1)) == kind(1),
    "its signature": lambda kind: str(inspect.signature(kind)),
    "its words": lambda kind: kind.__doc__,
    "its places": lambda kind: kind.__match_args__,
    "its methods": lambda kind: {
        name: (method.__qualname__, name == "__repr__" or str(inspect.signature(method)))
        for name in WRITTEN
        if isinstance(method := getattr(kind, name), FunctionType)
    },
}


def outcome(use: Callable[[Any], Any], kind: Any) -> object:
    """What came of it: a value, or an exception's type and words."""
    try:
        return use(kind)
    except Exception as error:
        return type(error), str(error)


@pytest.mark.parametrize("name", made())
def test_a_dataclass_does_what_it_would_have_done(name: str) -> None:
    """Whatever is asked of it first, and whatever then, in value or in words; also what it refuses."""
    at_once = made()[name]
    for first in USES:
        with loading.methods_deferred():
            later = made()[name]
        for use in (first, *USES):
            assert outcome(USES[use], later) == outcome(USES[use], at_once), f"{use}, after {first}"


def test_a_method_is_compiled_when_it_is_asked_for_and_then_stands_in_its_class() -> None:
    """No other one with it; and calls of it from then on cost what they always did."""
    with loading.methods_deferred():
        kinds = made()
    frozen, heir = kinds["Frozen"], kinds["Heir"]

    def compiled(kind: type) -> set[str]:
        return {name for name in WRITTEN - {"__repr__"} if isinstance(vars(kind).get(name), FunctionType)}

    assert compiled(frozen) == compiled(heir) == set()
    one = heir(number=1)
    assert (compiled(frozen), compiled(heir)) == (set(), {"__init__"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.number = 2
    assert one.number == 1
    assert compiled(heir) == {"__init__", "__setattr__"}
    assert heir.__init__ is vars(heir)["__init__"]


def test_several_threads_may_ask_at_once() -> None:
    """Each gets an object that is whole."""
    threads, found = 16, []
    for _ in range(20):
        with loading.methods_deferred():
            frozen = made()["Frozen"]
        together = threading.Barrier(threads)

        def ask(kind: Any = frozen, together: threading.Barrier = together) -> None:
            together.wait(timeout=60)
            found.append((kind(1) == kind(1, "x"), hash(kind(1)), repr(kind(2))))

        running = [threading.Thread(target=ask) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join(timeout=60)
    assert len(found) == 20 * threads
    assert set(found) == {(True, hash((1, "x")), "made.<locals>.Frozen(number=2, word='x')")}


@pytest.mark.parametrize("failing", [False, True])
def test_behind_the_block_everything_is_as_before(failing: bool) -> None:
    """However it ended."""
    before = vars(dataclasses)[loading._WRITER]
    with pytest.raises(ZeroDivisionError) if failing else nullcontext(), loading.methods_deferred():
        assert vars(dataclasses)[loading._WRITER] is not before
        assert 1 / (not failing) == 1
    assert vars(dataclasses)[loading._WRITER] is before
    assert isinstance(vars(made()["Frozen"])["__eq__"], FunctionType)


def test_where_the_insides_of_dataclasses_are_others_nothing_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later Python may write methods in another way: then they are compiled at once."""
    monkeypatch.setattr(loading, "_WRITER", "_no_such_thing")
    before = dict(vars(dataclasses))
    with loading.methods_deferred():
        assert vars(dataclasses) == before
        assert isinstance(vars(made()["Frozen"])["__eq__"], FunctionType)


def test_the_command_line_defers_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever command it is, and no longer than it runs."""
    found = []
    monkeypatch.setattr(cli, "app", lambda **_: found.append(made()["Frozen"]))
    cli.main()
    assert not isinstance(vars(found[0])["__init__"], FunctionType)
    assert isinstance(vars(made()["Frozen"])["__init__"], FunctionType)


def test_a_library_done_without_is_found_again_behind_the_block() -> None:
    """One that was loaded is the same one; one that was not can be."""
    sys.modules.pop("colorsys", None)
    with loading.without("colorsys", "pickle"):
        for name in ("colorsys", "pickle"):
            with pytest.raises(ModuleNotFoundError):
                __import__(name)
    assert "colorsys" not in sys.modules
    assert __import__("pickle") is pickle
    assert __import__("colorsys").rgb_to_hsv(0, 0, 0) == (0, 0, 0)


def test_a_library_is_found_again_when_the_block_failed() -> None:
    """Nothing is left hidden."""
    with pytest.raises(ModuleNotFoundError), loading.without("pickle"):
        __import__("pickle")
    assert __import__("pickle") is pickle
