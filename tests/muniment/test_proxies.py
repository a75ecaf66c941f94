"""Which address a caller has: what a trusted proxy reports, and nothing that a caller writes."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from muniment.proxies import ProxiesRefused, TrustedProxies
from muniment.variables import SettingsError, load
from tests.muniment.test_settings import SAFE_PRODUCTION, refusal
from tests.world import World, opened

pytestmark = pytest.mark.one_database("sqlite", reason="ends before the database")

PROXIES = TrustedProxies(["10.0.0.0/8", "192.0.2.1", "2001:db8:1::/48", "::ffff:172.16.0.0/108"])
REPORTED = {
    "198.51.100.7": "198.51.100.7",
    "1.1.1.1, 198.51.100.7": "198.51.100.7",
    "1.1.1.1,198.51.100.7 ,\t10.9.9.9": "198.51.100.7",
    "10.0.0.2, 10.0.0.3": "10.0.0.2",
    "198.51.100.7,,": "198.51.100.7",
    ",": "10.0.0.1",
    "": "10.0.0.1",
    "unknown": "10.0.0.1",
    "198.51.100.7, unknown": "10.0.0.1",
    "198.51.100.7, _hidden, 10.2.2.2": "10.2.2.2",
    "198.51.100.7:4711": "198.51.100.7",
    "198.51.100.7:": "10.0.0.1",
    "198.51.100.7:4711:1": "10.0.0.1",
    "198.51.100.7:123456": "10.0.0.1",
    "2001:db8::7": "2001:db8::7",
    "2001:DB8:0::7": "2001:db8::7",
    "[2001:db8::7]": "2001:db8::7",
    "[2001:db8::7]:443": "2001:db8::7",
    "[2001:db8::7]443": "10.0.0.1",
    "[2001:db8::7": "10.0.0.1",
    "2001:db8:1::9, 10.0.0.9": "2001:db8:1::9",
    "fe80::1%eth0": "fe80::1",
    "fe80::1%" + "e" * 100: "10.0.0.1",
    "::ffff:198.51.100.7": "198.51.100.7",
    "1.1.1.1, ::ffff:10.0.0.2": "1.1.1.1",
    "0198.51.100.7": "10.0.0.1",
    "198.51.100.7/32": "10.0.0.1",
    "for=198.51.100.7": "10.0.0.1",
    '"198.51.100.7"': "10.0.0.1",
    "198.51.100.\u0667": "10.0.0.1",
    "198.51.100.7\x00": "10.0.0.1",
    "1.1.1.1, " + "10.0.0.2, " * 1000 + "10.0.0.3": "10.0.0.2",
    "a" * 100_000: "10.0.0.1",
    "," * 100_000: "10.0.0.1",
}
"""What `X-Forwarded-For` says, and who the caller then is."""


def test_the_caller_is_the_first_from_the_right_who_is_no_trusted_proxy() -> None:
    """Whatever stands left of them; where a proxy reported no address, that proxy."""
    for said, caller in REPORTED.items():
        assert (said[:60], PROXIES.caller("10.0.0.1", [said.encode("utf-8")])) == (said[:60], caller)
    assert PROXIES.caller("10.0.0.1", []) == "10.0.0.1"
    assert PROXIES.caller("10.0.0.1", [b"1.1.1.1", b"198.51.100.7", b"10.0.0.2"]) == "198.51.100.7"


def test_nobody_else_is_believed() -> None:
    """Neither a neighbour of a proxy nor what is no address."""
    for peer in (
        "11.0.0.1",
        "9.255.255.255",
        "192.0.2.2",
        "192.0.2.0",
        "2001:db8:2::1",
        "172.32.0.1",
        "testclient",
        "",
    ):
        assert PROXIES.caller(peer, [b"198.51.100.7"]) == peer
    for peer in ("10.255.255.255", "192.0.2.1", "2001:db8:1:ffff::1", "172.31.255.255", "::ffff:10.0.0.1"):
        assert PROXIES.caller(peer, [b"198.51.100.7"]) == "198.51.100.7"


def test_networks_are_read_or_refused() -> None:
    """A name, a list without commas, host bits and a Unix socket are refused, each with what is wrong."""
    assert TrustedProxies(["10.0.0.0/9", "10.128.0.0/9"]).networks == [ip_network("10.0.0.0/8")]
    for said in (
        "proxy",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.1 10.0.0.2",
        "*",
        "10.0.0.1-10.0.0.9",
        "unix",
        "a" * 9999,
    ):
        with pytest.raises(ProxiesRefused) as refused:
            TrustedProxies([said])
        assert len(str(refused.value)) < 300
    with pytest.raises(ProxiesRefused, match="at most 1000"):
        TrustedProxies([f"10.0.{number // 256}.{number % 256}" for number in range(1001)])


def test_production_refuses_networks_with_strangers_in_them() -> None:
    """All addresses, halves of them, pieces that are all together, and IPv4 within IPv6; private ones are no matter."""
    pieces = ",".join(f"{number}.0.0.0/8" for number in range(256))
    for said in ("0.0.0.0/0", "::/0", "0.0.0.0/1,128.0.0.0/1", "::ffff:0:0/96", "2000::/3", pieces):
        (sentence,) = refusal(**SAFE_PRODUCTION | {"trusted_proxies": said})
        assert sentence.startswith("MUNIMENT_TRUSTED_PROXIES can't be used: ")
    for said in ("10.0.0.0/8", "172.16.0.0/12,192.168.0.0/16", "fc00::/7", "203.0.113.7", ""):
        TrustedProxies([each for each in said.split(",") if each]).require_narrow()
    with pytest.raises(SettingsError, match="MUNIMENT_TRUSTED_PROXIES can't be used"):
        load(trusted_proxies="proxy.example.org")


def test_every_road_has_the_callers_address(home: Path, database_url: str) -> None:
    """The application itself reads the header, so that whatever serves it does: strangers are limited by address."""
    with opened(home, database_url, trusted_proxies="192.0.2.0/24", cost_per_minute=1000) as world:
        assert _spend(world, "192.0.2.1", "198.51.100.1") == "RATE_LIMITED"
        assert _ask(world, "192.0.2.1", "198.51.100.1") == "RATE_LIMITED"
        assert _ask(world, "192.0.2.1", "203.0.113.9, 198.51.100.1") == "RATE_LIMITED"
        assert _ask(world, "192.0.2.1", "198.51.100.1, 198.51.100.2") is None
        assert _ask(world, "192.0.2.9", "198.51.100.1") == "RATE_LIMITED"
        assert _ask(world, "203.0.113.1", "198.51.100.1") is None


def _ask(world: World, peer: str, forwarded: str) -> str | None:
    """The code that a stranger's query has."""
    client = TestClient(world.client.app, client=(peer, 4711))
    body = {"query": "{" + " ".join(f"a{number}: viewer {{ kind }}" for number in range(40)) + "}"}
    answer = client.post("/graphql", json=body, headers={"x-forwarded-for": forwarded}).json()
    return answer["errors"][0]["extensions"]["code"] if "errors" in answer else None


def _spend(world: World, peer: str, forwarded: str) -> str | None:
    """The same until it is refused, or for long."""
    for _ in range(100):
        code = _ask(world, peer, forwarded)
        if code is not None:
            return code
    return None
