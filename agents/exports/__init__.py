"""The exports agent: builds a contributor's archive, in their name and with no more rights than they have."""

from agents.exports.building import WORKFLOW, build_export
from agents.exports.expiring import expire
from agents.runtime import register

register(WORKFLOW, build_export)

__all__ = ["WORKFLOW", "build_export", "expire"]
