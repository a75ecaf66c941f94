"""Working: the agents alone, in a process of their own beside servers that were started with `--no-worker`."""

import signal
import threading

import structlog
import typer

from muniment.crew import working
from muniment.garbage import settle
from muniment.house import open_house
from muniment.key_uses import counted
from muniment.safeguards import announce
from muniment.settings import Settings

log = structlog.get_logger("muniment.work")


def run(settings: Settings) -> None:
    """Let the agents work until SIGTERM or SIGINT. What they were at is taken up again by the next start."""
    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())
    with open_house(settings, serves=True) as house, working(house, settings), counted(house, "agents"):
        settle()
        announce(house, settings, "agents")
        typer.echo("The agents are at work. Ctrl-C stops them.")
        log.info("working", environment=settings.env)
        asked.wait()
