"""The notifier: brings notices to whom they are for, by e-mail and webhook, and notes how far each came."""

from agents.notices.affected import tell_affected
from agents.notices.delivering import deliver_notice
from agents.notices.spreading import spread_notice
from agents.runtime import register
from resolvers.notices import DELIVER, SPREAD, TELL_AFFECTED

WORKFLOWS = (SPREAD, DELIVER, TELL_AFFECTED)

register(SPREAD, spread_notice)
register(TELL_AFFECTED, tell_affected)
register(DELIVER, deliver_notice)
