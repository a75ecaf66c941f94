"""The ledger agent: gives every entry of the trail its place in the tree, and publishes signed checkpoints."""

from agents.ledger.sequencer import Sequencer

__all__ = ["Sequencer"]
