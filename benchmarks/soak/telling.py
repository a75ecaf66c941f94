"""What a soak found, as a page shows it."""

import statistics
from collections.abc import Sequence

from benchmarks.soak.people import Crowd
from benchmarks.soak.processes import House, Process
from benchmarks.soak.verdicts import Verdict

_WARM_SECONDS = 300
_SHOWN = 20


def table(house: House, crowd: Crowd, found: Verdict, seconds: float, seed: int) -> str:
    """The whole text."""
    notes = crowd.notes
    kills = [f"{each.name} {len(each.outages)}" for each in house.all]
    away = [outage.ended - outage.began for each in house.all for outage in each.outages]
    asked = sum(map(len, notes.took.values()))
    lines = [
        f"{len(crowd.people)} contributors for {seconds / 60:.0f} minutes (chance {seed}): {asked:,} measured,"
        f" {asked / seconds:.1f} a second",
        f"killed: {', '.join(kills)} times; ready again after {_spread(away)} s",
        f"cut off by that, and sent again: {len(notes.cut_off)}; limited: {sum(notes.limited.values())}",
        "",
        f"{'':42} {'count':>7} {'median':>8} {'95 %':>8} {'99 %':>8} {'longest':>8}   (ms)",
        *(_latencies(what, took) for what, took in sorted(notes.took.items())),
        "",
        "memory, resident (MiB), of the last start of each",
        *(_memory(each) for each in house.all),
        "",
        "at the end: " + ", ".join(f"{count:,} {what}" for what, count in found.checked.items()) + " looked at",
        *(f"  {fact}" for fact in found.facts),
        f"problems: {len(found.problems)}",
        *(f"  {problem}" for problem in found.problems[:_SHOWN]),
    ]
    return "\n".join(lines) + "\n"


def _latencies(what: str, took: Sequence[float]) -> str:
    told = sorted(each * 1000 for each in took)
    cuts = statistics.quantiles(told, n=100, method="inclusive") if len(told) > 1 else told * 99
    return f"{what:42} {len(told):7,} {cuts[49]:8,.0f} {cuts[94]:8,.0f} {cuts[98]:8,.0f} {told[-1]:8,.0f}"


def _memory(process: Process) -> str:
    """From what to what, and how fast it grows, by least squares, without the first minutes (at most a third)."""
    samples = process.memory
    if len(samples) < 3:
        return f"  {process.name:10} not looked at for long enough"
    first, last = samples[0][0], samples[-1][0]
    warm = [each for each in samples if each[0] - first >= min(_WARM_SECONDS, (last - first) / 3)]
    slope = statistics.linear_regression(*zip(*warm, strict=True)).slope * 3600
    return (
        f"  {process.name:10} {warm[0][1]:6.0f} to {warm[-1][1]:.0f} within {(last - warm[0][0]) / 60:.0f} minutes,"
        f" {slope:+.1f} an hour; at most {max(size for _, size in samples):.0f}"
    )


def _spread(values: Sequence[float]) -> str:
    return f"{min(values):.0f} to {max(values):.0f}" if values else "-"
