"""The sentinel: detections over the trail, incidents, and measures on credentials. It opens nothing."""

from agents.sentinel.watching import Sentinel

__all__ = ["Sentinel"]
