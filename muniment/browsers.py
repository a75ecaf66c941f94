"""What browsers are told with every answer: what a page may do, and which pages may read it."""

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "server": "muniment",
}
_NOTHING = (b"content-length", b"0")
_OVER_TLS = {"strict-transport-security": "max-age=31536000"}


def told(origins: tuple[str, ...], *, tls: bool) -> list[Middleware]:
    """The middleware for pages of these origins besides our own. `tls`: clients reach this server over TLS."""
    headers = Middleware(SecurityHeaders, _HEADERS | (_OVER_TLS if tls else {}))
    if not origins:
        return [headers]
    sharing = Middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["GET", "HEAD", "PATCH", "POST", "PUT"],
        allow_headers=["authorization", "content-type", "idempotency-key", "range", "tus-resumable", "upload-offset"],
        expose_headers=[
            "content-range",
            "retry-after",
            "tus-resumable",
            "upload-length",
            "upload-offset",
            "www-authenticate",
            "x-correlation-id",
        ],
    )
    return [headers, sharing]


class SecurityHeaders:
    """Adds headers to every answer; a route's own choice wins."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self.app = app
        self.headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                chosen = message["headers"]
                names = {name for name, _ in chosen}
                message["headers"] = [*chosen, *(header for header in self.headers if header[0] not in names)]
            await send(message)

        accepted = False

        async def with_denial(message: Message) -> None:
            """Respond in our own words where a WebSocket is refused: the server's would name itself."""
            nonlocal accepted
            if message["type"] == "websocket.close" and not accepted:
                start = {"type": "websocket.http.response.start", "status": 403, "headers": [*self.headers, _NOTHING]}
                await send(start)
                await send({"type": "websocket.http.response.body", "body": b""})
                return
            accepted = accepted or message["type"] == "websocket.accept"
            await send(message)

        denies = "websocket.http.response" in scope.get("extensions", {})
        websocket = with_denial if denies else send
        await self.app(scope, receive, with_headers if scope["type"] == "http" else websocket)
