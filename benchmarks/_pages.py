"""docs/benchmarks.md: one section per benchmark, written anew when that one is run, with the machine it ran on."""

import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_HEAD = """\
# Benchmarks

What is measured, and against what. Figures are ratios within one run: both sides take turns on the same machine, so
that its speed, and whoever else uses it, weigh on both alike. Told is the median, and between which values the middle
half lies. Absolute times are those of the machine named in each section, as busy as it was; they are no promise, and no
test depends on them.

## How to repeat it

```sh
make bench
```

runs all of them and prints a table each; `make bench ARGS="page policy"` runs some; `make bench ARGS="--write"` writes
the sections below anew. Every file in `benchmarks/` that does not begin with `_` is one: it answers figures
(`measure()`), or prints a table of its own (`main()`). PostgreSQL comes out of a package. Data are made by the
benchmarks themselves: `FOREIGN_ROWS` (1,000,000) says how many rows of others `policy` puts into the table,
`TLOG_ENTRIES` (100,000) how many entries `ledger` seals. P1 to P10 are the numbers of the goals, in the order of the
design. `soak` takes an hour and is run by its name only: `make soak`.
"""


def write(sections: dict[str, str]) -> None:
    """Replace these sections; the others stay as they were measured."""
    text = PAGE.read_text("utf-8") if PAGE.exists() else ""
    kept = dict(re.findall(r"^## `(\w+)`\n\n(.*?)(?=^## `|\Z)", text, re.DOTALL | re.MULTILINE))
    kept |= {name: f"{_machine()}\n\n{body}" for name, body in sections.items()}
    parts = [f"## `{name}`\n\n{body.strip()}\n" for name, body in sorted(kept.items())]
    PAGE.write_text("\n".join([_HEAD, *parts]), "utf-8")


def _machine() -> str:
    cores = os.cpu_count()
    load = os.getloadavg()[1]
    python = platform.python_version()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("SQLAlchemy", "strawberry-graphql", "granian"))
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    return (
        f"Measured on {when}: {_processor()}, {cores} cores, load {load:.1f} meanwhile; Python {python}, {libraries}."
    )


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()
