"""Why a model gave no answer: codes, never texts, since an error's text may quote the prompt."""

import enum


class ModelFailure(enum.StrEnum):
    """What went wrong, as it is stored on a step and shown to the contributor."""

    CONSENT_REQUIRED = "CONSENT_REQUIRED"  # whoever's work it is does not allow the service, or not any more
    NOT_APPROVED = "SERVICE_NOT_APPROVED"  # the service may be sent nothing now; nothing was
    UNKNOWN = "MODEL_UNKNOWN"  # no provider offers a model of that name
    UNAVAILABLE = "MODEL_UNAVAILABLE"  # not reachable, overloaded, or it broke off
    TIMED_OUT = "MODEL_TIMED_OUT"
    REFUSED = "MODEL_REFUSED"  # the provider declined: credentials, or what was asked
    UNUSABLE = "MODEL_ANSWER_UNUSABLE"  # an answer came that is empty, endless, or not in the protocol


class ModelError(Exception):
    """A model gave no answer. `transient` says that asking again later may help."""

    def __init__(self, code: ModelFailure, *, transient: bool = False) -> None:
        super().__init__(code.value)
        self.code = code
        self.transient = transient
