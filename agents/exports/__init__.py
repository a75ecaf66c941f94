"""The exports agent: builds a contributor's archive, in their name and with no more rights than they have."""

from agents.exports.building import NAME, build_export
from agents.runtime import register

register(NAME, build_export)

__all__ = ["NAME", "build_export"]
