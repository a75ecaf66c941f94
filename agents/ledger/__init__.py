"""The ledger agent: gives every entry of the trail its place, publishes signed checkpoints, and lets the trail age."""

from agents.ledger.ageing import Ageing
from agents.ledger.checking import LogCheck
from agents.ledger.courier import Courier, Webhook
from agents.ledger.sequencer import Sequencer
from agents.ledger.witnesses import Witnesses

__all__ = ["Ageing", "Courier", "LogCheck", "Sequencer", "Webhook", "Witnesses"]
