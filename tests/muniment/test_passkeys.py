"""For whom passkeys are kept follows from the operator's addresses, and never from a request."""

import pytest

from muniment.passkeys import relying_party
from resolvers.ceremonies import RelyingParty
from tests.world import PASSWORD, World

SITES: dict[str, tuple[str, str] | None] = {
    "http://127.0.0.1:8000": ("localhost", "http://localhost:8000"),
    "http://[::1]:8000": ("localhost", "http://localhost:8000"),
    "http://localhost": ("localhost", "http://localhost"),
    "https://api.example.org": ("api.example.org", "https://api.example.org"),
    "https://API.example.org:443": ("api.example.org", "https://api.example.org"),
    "https://api.example.org:8443/under": ("api.example.org", "https://api.example.org:8443"),
    "http://api.example.org": None,
    "https://192.0.2.7": None,
    "https://[2001:db8::7]": None,
    "https://api.example.org:99999": None,
    "api.example.org": None,
}


@pytest.mark.parametrize("address", SITES)
def test_passkeys_are_kept_for_names_over_https(address: str) -> None:
    """For localhost in development; for addresses and plain http nowhere, since browsers keep none there."""
    site, found = SITES[address], relying_party(address, ("https://app.example.org",))
    expected = None if site is None else RelyingParty(site[0], frozenset({site[1], "https://app.example.org"}))
    assert found == expected


@pytest.mark.one_database("sqlite", reason="settings and headers; no rows")
def test_a_request_does_not_say_for_whom(world: World) -> None:
    """Whatever host and origin it names; browsers are told which pages may."""
    headers = {"host": "phish.example", "origin": "https://phish.example", "x-forwarded-host": "phish.example"}
    assert world.house.site == RelyingParty("localhost", frozenset({"http://localhost:8000"}))
    told = world.client.get("/.well-known/webauthn", headers=headers)
    assert (told.status_code, told.json()) == (200, {"origins": ["http://localhost:8000"]})


@pytest.mark.one_database("sqlite", reason="settings alone")
def test_a_server_without_a_name_says_so(world: World) -> None:
    """TOTP goes on; nothing is begun."""
    ada = world.register("ada")
    world.step_up(ada)
    object.__setattr__(world.house, "site", None)
    with world.unchanged():
        refused = world.do_plain("enrollPasskey", ada)
    assert (refused.code, "MUNIMENT_PUBLIC_URL" in refused.message) == ("CONFLICT", True)
    assert world.do("confirmPasskey", ada, credential="{}").code == "CONFLICT"
    assert world.client.get("/.well-known/webauthn").status_code == 404
    assert world.sign_in(ada.email, PASSWORD).code is None
