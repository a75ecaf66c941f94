"""Checks the server behind nginx. `make check` calls it; it is no part of `make test`, which needs Python alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    if shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        raise SystemExit(0)  # requirements/nginx has said so by then
    given = sys.argv[1:] or [str(Path(__file__).with_name("behind_nginx.py"))]
    raise SystemExit(subprocess.run([sys.executable, "-m", "pytest", *given], check=False).returncode)
