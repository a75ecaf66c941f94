"""An S3 that speaks on the wire: LocalStack's, out of its package. A relay stands before it, so that it can be gone."""

import re
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore.store import S3Store

from tests.services.kms import awaited, started
from tests.services.relay import Relay

_ROOT = Path(__file__).resolve().parents[2]
_REGION = "eu-central-1"


class Bucket:
    """A bucket as its owner sees it, past the program under test. Paths are those below `address`."""

    def __init__(self, address: str, endpoint: str) -> None:
        self.address = address
        self._store = S3Store(
            address.removeprefix("s3://"), endpoint=endpoint, prefix="blobs", client_options={"allow_http": True}
        )

    def paths(self) -> list[str]:
        return sorted(each["path"] for page in obstore.list(self._store) for each in page)

    def read(self, path: str) -> bytes:
        return bytes(obstore.get(self._store, path).bytes())

    def write(self, path: str, content: bytes) -> None:
        obstore.put(self._store, path, content)


class S3:
    """The service. `environment` is what a program needs to use it."""

    def __init__(self, port: int) -> None:
        self.relay = Relay(port)
        self.endpoint = f"http://127.0.0.1:{self.relay.port}"
        self.secret = "canary-s3-secret"
        self.environment = {
            "AWS_ACCESS_KEY_ID": "000000000001",
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": _REGION,
        }
        self._direct = f"http://127.0.0.1:{port}"
        import boto3  # what takes long to load is loaded where it is used
        from botocore.config import Config

        session = boto3.session.Session("000000000001", self.secret, region_name=_REGION)
        self.root = session.client("s3", endpoint_url=self._direct, config=Config(s3={"addressing_style": "path"}))

    @classmethod
    @contextmanager
    def running(cls, place: Path) -> Iterator["S3"]:
        command = [sys.executable, _ROOT / "tests" / "services" / "localstack_service.py", "s3"]
        with started(command, place / "localstack.log", HOME=str(place), TMPDIR=str(place)) as told:
            port = int(awaited(lambda: re.match(r"(\d+)\n", told()))[1])
            service = cls(port)
            try:
                yield service
            finally:
                service.relay.close()

    def bucket(self) -> Bucket:
        """A new one. Requests of its owner need the environment too."""
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.root.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": _REGION})
        return Bucket(f"s3://{name}", self._direct)

    def unfinished(self, bucket: Bucket) -> int:
        """How many uploads in parts were begun and neither completed nor given up."""
        found = self.root.list_multipart_uploads(Bucket=bucket.address.removeprefix("s3://"))
        return len(found.get("Uploads", []))
