"""GraphiQL at /graphiql, from files of our own: no other host is asked, and nothing that is typed outlives the page."""

import gzip
from functools import cache
from pathlib import Path

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

FOLDER = Path(__file__).parent / "static" / "graphiql"
_STYLES = ("graphiql.css", "explorer.css", "boot.css")
_SCRIPTS = ("react.js", "react-dom.js", "graphiql.js", "explorer.js", "boot.js")
_TYPES = {".js": "text/javascript", ".css": "text/css"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def routes() -> list[Route]:
    """The page and its files."""
    return [
        Route("/graphiql", page, methods=["GET"]),
        Route("/graphiql/{name}", file, methods=["GET"]),
    ]


async def page(_: Request) -> Response:
    """An empty page that loads GraphiQL."""
    return HTMLResponse(_PAGE, headers={"content-security-policy": _POLICY})


async def file(request: Request) -> Response:
    """One of its files, compressed as it lies here wherever the browser takes that."""
    name = request.path_params["name"]
    if name not in (*_STYLES, *_SCRIPTS):
        return PlainTextResponse("There is no such file.\n", 404)
    headers = {"cache-control": "private, max-age=3600", "vary": "accept-encoding"}
    media_type = _TYPES[Path(name).suffix]
    packed = "gzip" in request.headers.get("accept-encoding", "") and not (FOLDER / name).is_file()
    content = await anyio.to_thread.run_sync(_content, name, packed)
    return Response(content, 200, {**headers, "content-encoding": "gzip"} if packed else headers, media_type)


@cache
def _content(name: str, packed: bool) -> bytes:
    """The bytes of a file, which may lie here compressed."""
    if (plain := FOLDER / name).is_file():
        return plain.read_bytes()
    content = (FOLDER / f"{name}.gz").read_bytes()
    return content if packed else gzip.decompress(content)


_PAGE = "".join(
    (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>GraphiQL - Muniment</title>\n',
        '<link rel="icon" href="data:,">\n',
        *(f'<link rel="stylesheet" href="/graphiql/{name}">\n' for name in _STYLES),
        '</head><body><div id="graphiql">Loading...</div>\n',
        *(f'<script src="/graphiql/{name}"></script>\n' for name in _SCRIPTS),
        "</body></html>\n",
    )
)
