"""The erasures agent destroys what its owner asked to be destroyed; the verifier, another one, counts what is left."""

from agents.erasures.destroying import WORKFLOW, erase
from agents.erasures.resuming import resume_deferred, resume_open_erasures, tidy
from agents.erasures.verifying import verify
from agents.runtime import register

register(WORKFLOW, erase)

__all__ = ["WORKFLOW", "erase", "resume_deferred", "resume_open_erasures", "tidy", "verify"]
