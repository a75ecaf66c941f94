"""The erasures agent destroys what its owner asked to be destroyed; the verifier, another one, counts what is left."""

from agents.erasures.destroying import RECALL, WORKFLOW, erase
from agents.erasures.recalling import recall, recall_due
from agents.erasures.resuming import resume_deferred, resume_open_erasures, resume_set_aside, tidy
from agents.erasures.verifying import supplement, verify
from agents.runtime import register

WORKFLOWS = (WORKFLOW, RECALL)

register(WORKFLOW, erase)
register(RECALL, recall)

__all__ = [
    "WORKFLOW",
    "WORKFLOWS",
    "erase",
    "recall",
    "recall_due",
    "resume_deferred",
    "resume_open_erasures",
    "resume_set_aside",
    "supplement",
    "tidy",
    "verify",
]
