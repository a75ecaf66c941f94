"""Pages of `docs/` that are made of what the code declares: a command writes each, and the tests compare."""

import sys
from collections.abc import Sequence
from pathlib import Path


def keep(page: Path, wanted: str, module: str, arguments: Sequence[str]) -> int:
    """Write `wanted` as `page`, or with `--check` only compare; answers the exit code. `module` is what to run."""
    if "--check" not in arguments:
        page.parent.mkdir(exist_ok=True)
        page.write_text(wanted, encoding="utf-8")
        return 0
    if page.is_file() and page.read_text(encoding="utf-8") == wanted:
        return 0
    sys.stderr.write(f"docs/{page.name} is behind the code: run `python -m {module}`\n")
    return 1
