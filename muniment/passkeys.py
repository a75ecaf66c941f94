"""For whom passkeys are kept: a host and pages, as the operator's addresses say."""

import ipaddress
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from muniment.addresses import is_loopback
from resolvers.ceremonies import RelyingParty

_DEFAULT_PORTS = {"https": 443, "http": 80}


def relying_party(public_url: str, origins: tuple[str, ...]) -> RelyingParty | None:
    """The host of `public_url`, and the pages there and of `origins`; None where browsers keep no passkeys for it.

    They keep them for names, reached over https; and, in development, for localhost, which is what a loopback address
    is taken for.
    """
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    if is_loopback(host):
        host = "localhost"
    elif parts.scheme != "https" or not host or _is_address(host):
        return None
    try:
        port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    except ValueError:
        return None
    return RelyingParty(host, frozenset({f"{parts.scheme}://{host}{port}", *origins}))


def routes() -> list[Route]:
    """Where a browser asks which pages of other hosts may use this host's passkeys (level 3, 5.11)."""
    return [Route("/.well-known/webauthn", _related, methods=["GET"])]


async def _related(request: Request) -> Response:
    site: RelyingParty | None = request.app.state.house.site
    if site is None:
        return PlainTextResponse("This server has no passkeys: its address has no name (MUNIMENT_PUBLIC_URL).\n", 404)
    return JSONResponse({"origins": sorted(site.origins)})


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
