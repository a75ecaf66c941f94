"""The notifier: brings notices to whom they are for, by e-mail and webhook, and notes how far each came."""

from agents.notices.delivering import deliver_notice
from agents.notices.spreading import spread_notice
from agents.runtime import register
from resolvers.notices import DELIVER, SPREAD

WORKFLOWS = (SPREAD, DELIVER)

register(SPREAD, spread_notice)
register(DELIVER, deliver_notice, at_once=4)
