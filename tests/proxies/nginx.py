"""nginx in front of a server on this machine, with the settings that docs/operations/tls.md has."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.servers import ROOT, wait_for

_AROUND = """
daemon off;
master_process off;
pid {place}/nginx.pid;
error_log {place}/error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_body_temp_path {place}/body;
  proxy_temp_path {place}/proxy;
  fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi;
  scgi_temp_path {place}/scgi;
{block}
}}
"""


def program() -> str | None:
    """nginx, where it is installed."""
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


def documented() -> str:
    """The settings that the documentation shows."""
    return (ROOT / "docs" / "operations" / "tls.md").read_text().split("```nginx\n")[1].split("```")[0]


@contextmanager
def in_front_of(port: int, place: Path) -> Iterator[int]:
    """nginx on a port of its own, as documented but for names, ports and the end of TLS; answers the port."""
    place.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        own: int = probe.getsockname()[1]
    lines = documented().replace("127.0.0.1:8000", f"127.0.0.1:{port}").splitlines()
    block = "\n".join(line for line in lines if "ssl" not in line or "listen" in line)
    block = block.replace("listen 443 ssl;", f"listen 127.0.0.1:{own};")
    assert str(own) in block
    (place / "nginx.conf").write_text(_AROUND.format(place=place, block=block))
    command = [str(program()), "-p", str(place), "-c", str(place / "nginx.conf"), "-e", str(place / "error.log")]
    with subprocess.Popen(command) as process:
        try:
            wait_for(lambda: process.poll() is not None or _accepts(own), 30)
            assert process.poll() is None, (place / "error.log").read_text()
            yield own
        finally:
            process.kill()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
