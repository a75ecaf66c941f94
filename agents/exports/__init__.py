"""The exports agent: builds a contributor's archive, in their name and with no more rights than they have."""

from agents.exports.announcing import WORKFLOW as ANNOUNCE
from agents.exports.announcing import announce_export
from agents.exports.building import WORKFLOW, build_export
from agents.exports.expiring import WORKFLOW as DISCARD
from agents.exports.expiring import discard_export, expire
from agents.runtime import register

register(WORKFLOW, build_export)
register(DISCARD, discard_export)
register(ANNOUNCE, announce_export)

WORKFLOWS = (WORKFLOW, DISCARD, ANNOUNCE)
"""Every workflow that is queued under an export's id."""

__all__ = ["WORKFLOW", "WORKFLOWS", "announce_export", "build_export", "discard_export", "expire"]
