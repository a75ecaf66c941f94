"""Detections: which unusual activity is looked for, and what is done about it. `agents/sentinel` does the looking."""

from resolvers.context import Context
from resolvers.detections.forms import Detection, Step, runbook
from resolvers.detections.rows import DETECTIONS, WAITING

__all__ = ["DETECTIONS", "WAITING", "Detection", "Step", "all_of_them", "runbook"]


def all_of_them(_: Context) -> tuple[Detection, ...]:
    """Every detection. Whoever signs in may know them: they say what becomes of one's own sessions and keys."""
    return DETECTIONS
