"""Which language model the settings name: the operator's endpoint, or else the one on board."""

from datetime import timedelta

from agents.models.endpoints import Endpoint
from agents.models.local import LocalModel
from agents.models.providers import Provider
from muniment.settings import Settings


def providers(settings: Settings) -> list[Provider]:
    """The models on offer, the default first: the operator's endpoint where one is set, the one on board otherwise."""
    if settings.model_url is None:
        return [LocalModel()]
    key = settings.model_api_key.get_secret_value() if settings.model_api_key else "none"
    remote = settings.model_name
    keeps = None if settings.model_keeps_days is None else timedelta(days=settings.model_keeps_days)
    return [
        Endpoint(remote.lower(), settings.model_url, key, remote, silence_seconds=settings.model_seconds, keeps=keeps)
    ]


def version(settings: Settings) -> str | None:
    """What the change register knows it by; None where its file is not there. Nothing is asked of it, or sent."""
    provider = providers(settings)[0]
    return provider.facts().version if provider.reachable() or settings.model_url is not None else None
