"""`python -m benchmarks [NAME…] [--write]`: run these benchmarks, or all; `--write` puts them into docs/benchmarks.md.

What takes an hour (`soak`) is run by its name only.

A benchmark is a module here with `measure()`, which answers figures, or with `main()`, which prints a table of its own.
"""

import importlib
import io
import pkgutil
import sys
from contextlib import redirect_stdout

from rich.console import Console

import benchmarks
from benchmarks import _figures, _pages

_BY_NAME_ONLY = {"soak"}


def main(arguments: list[str]) -> int:
    """Run them one after another; answers 2 for a name that is none of ours."""
    names = [argument for argument in arguments if argument != "--write"]
    known = sorted(
        module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.name.startswith("_")
    )
    unknown = sorted(set(names) - set(known))
    if unknown:
        sys.stderr.write(f"There is no benchmark {unknown[0]}: {', '.join(known)}.\n")
        return 2
    for name in names or [each for each in known if each not in _BY_NAME_ONLY]:
        section = _run(name)
        if "--write" in arguments:
            _pages.write({name: section})
    return 0


def _run(name: str) -> str:
    """Print what one benchmark finds; answers its section of the page."""
    module = importlib.import_module(f"benchmarks.{name}")
    about = (module.__doc__ or "").strip()
    if hasattr(module, "measure"):
        figures = list(module.measure())
        Console().print(_figures.table(name, figures))
        return f"{about}\n\n{_figures.page(figures)}"
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            module.main()
    finally:
        sys.stdout.write(printed.getvalue())
        sys.stdout.flush()
    return f"{about}\n\n```text\n{printed.getvalue().strip()}\n```"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
