"""Where this server is reached, as long as nobody says otherwise, and whether its own authority vouches for that."""

from pathlib import Path
from typing import Any

from muniment import hazards


def own_url(told: dict[str, Any]) -> str:
    """How clients on this machine reach it, from what else was set."""
    host = str(told["host"])
    shown = "localhost" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
    upstream = told["tls_terminated_upstream"]
    ours = needs_local_ca(told["env"], host, told["tls_cert"], upstream=upstream)
    return f"{'https' if told['tls_cert'] or ours else 'http'}://{shown}:{told['port']}"


def needs_local_ca(env: str, host: str, certificate: Path | None, *, upstream: bool) -> bool:
    """Whether this machine's own authority certifies it: others may reach it, and no certificate was brought."""
    return env != "production" and not hazards.is_loopback(host) and certificate is None and not upstream
