"""`python -m benchmarks [NAME…]`: run these benchmarks, or all. Each module's `main()` prints a table."""

import importlib
import pkgutil
import sys

import benchmarks


def main(names: list[str]) -> int:
    """Run them one after another; answers 2 for a name that is none of ours."""
    known = sorted(
        module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.name.startswith("_")
    )
    unknown = sorted(set(names) - set(known))
    if unknown:
        sys.stderr.write(f"There is no benchmark {unknown[0]}: {', '.join(known)}.\n")
        return 2
    for name in names or known:
        importlib.import_module(f"benchmarks.{name}").main()
    return 0


sys.exit(main(sys.argv[1:]))
