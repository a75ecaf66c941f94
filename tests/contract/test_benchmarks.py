"""Benchmarks are no tests, and run by hand; but one that can't even begin has been forgotten."""

import importlib
import pkgutil

import benchmarks


def test_every_benchmark_can_begin() -> None:
    """Each is a module with `measure` or `main`, whose imports are still there."""
    names = [module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.name.startswith("_")]
    assert len(names) >= 8
    for name in names:
        found = importlib.import_module(f"benchmarks.{name}")
        assert callable(getattr(found, "measure", None) or getattr(found, "main", None)), name
