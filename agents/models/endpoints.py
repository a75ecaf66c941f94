"""Any OpenAI-compatible endpoint, by URL: hosted, vLLM, llama.cpp, Ollama, LiteLLM. The SDK loads when first used."""

import json
import logging
import secrets
import socket
import uuid
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from agents.models.failures import ModelError, ModelFailure
from agents.models.providers import Ask, Door, Facts
from storage.services import address_of

_CONNECT_SECONDS = 5.0


@dataclass
class Endpoint:
    """A model behind `base_url` (`https://host/v1`). `remote_model` is the name the endpoint knows it by.

    `silence_seconds` is how long it may say nothing before it counts as gone.
    """

    model: str
    base_url: str
    api_key: str = field(default="none", repr=False)
    remote_model: str | None = None
    parallel: int = 4
    room: int = 6000
    silence_seconds: float = 60.0
    keeps: timedelta | None = None
    """How long it keeps what it was sent; None: nobody has said."""
    _client: Any = field(default=None, init=False, repr=False)

    @property
    def address(self) -> str:
        """The host, and the port where it is unusual."""
        return address_of(self.base_url)

    def facts(self) -> Facts:
        """The endpoint's host stands as provider; what it runs is not shown to us, so there is no digest."""
        host = urlsplit(self.base_url).hostname or "unknown"
        provider = self.address.replace(host, host.replace(":", "-"))  # an IPv6 address, as an identifier may stand
        return Facts(self.model, provider, leaves=True, keeps=self.keeps)

    @property
    def door(self) -> Door:
        """Where it is reached beside questions."""
        where = urlsplit(self.base_url)
        return Door(f"{where.scheme}://{where.netloc}", self.api_key)

    def answer(self, ask: Ask) -> Generator[str]:
        """The answer as the endpoint streams it. Every failure becomes a ModelError without its text."""
        try:
            yield from self._stream(ask)
        except ModelError:
            raise
        except Exception as error:
            raise _translated(error) from None

    def reachable(self) -> bool:
        """Whether something listens there. A connection is opened and closed; nothing is sent over it."""
        where = urlsplit(self.base_url)
        port = where.port or (443 if where.scheme == "https" else 80)
        try:
            socket.create_connection((where.hostname or "", port), _CONNECT_SECONDS).close()
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _stream(self, ask: Ask) -> Generator[str]:
        stream = self._connected().chat.completions.create(
            model=self.remote_model or self.model,
            messages=[{"role": message.role, "content": message.content} for message in ask.messages],
            seed=ask.seed,
            max_tokens=ask.max_tokens,
            temperature=ask.temperature,
            stream=True,
            extra_headers=_traced(ask.call),
        )
        with stream:
            name = None
            for chunk in stream:
                if name is None and ask.named is not None and (name := getattr(chunk, "id", None) or None) is not None:
                    ask.named(str(name))
                for choice in chunk.choices or ():
                    if choice.delta is not None and choice.delta.content:
                        yield choice.delta.content

    def _connected(self) -> Any:
        if self._client is None:
            import httpx2
            import openai

            for name in ("openai", "httpx2", "httpcore2"):  # at DEBUG they log prompts and headers
                logging.getLogger(name).setLevel(logging.WARNING)
            wait = httpx2.Timeout(self.silence_seconds, connect=_CONNECT_SECONDS)
            # Neither a proxy from the environment nor a redirect may send the words to another host.
            http = httpx2.Client(timeout=wait, trust_env=False, follow_redirects=False)
            self._client = openai.OpenAI(
                base_url=self.base_url, api_key=self.api_key, max_retries=0, timeout=wait, http_client=http
            )
        return self._client


def _traced(call: uuid.UUID | None) -> dict[str, str]:
    """The headers by which the endpoint's log and ours know the same call (W3C Trace Context, level 1)."""
    if call is None:
        return {}
    return {"x-request-id": str(call), "traceparent": f"00-{call.hex}-{secrets.token_hex(8)}-01"}


def _translated(error: Exception) -> ModelError:
    import httpx2
    import openai

    if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
        return ModelError(ModelFailure.TIMED_OUT, transient=True)
    if isinstance(error, openai.APIStatusError):
        transient = error.status_code in (408, 409, 429) or error.status_code >= 500
        return ModelError(ModelFailure.UNAVAILABLE if transient else ModelFailure.REFUSED, transient=transient)
    if isinstance(error, openai.APIConnectionError | httpx2.TransportError):
        return ModelError(ModelFailure.UNAVAILABLE, transient=True)
    if isinstance(error, openai.APIError | json.JSONDecodeError | ValueError | TypeError | AttributeError):
        return ModelError(ModelFailure.UNUSABLE)
    return ModelError(ModelFailure.UNAVAILABLE)
