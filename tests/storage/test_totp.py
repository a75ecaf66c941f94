"""One-time passwords: the values of the standards, clocks that are a little off, and what an app takes in."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from storage import totp

SECRET = b"12345678901234567890"
"""The secret of the test vectors of RFC 4226 and RFC 6238."""


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    """RFC 6238, appendix B, of which an app shows the last six digits."""
    moment = datetime.fromtimestamp(seconds, UTC)
    assert totp.code_at(SECRET, totp.step_at(moment)) == code
    assert totp.matching_step(SECRET, code, moment) == seconds // 30


def test_a_clock_may_be_one_step_off_and_no_more() -> None:
    """The code of the step before and after is taken, and told as that step's; the ones beyond are not."""
    moment = datetime(2026, 11, 27, 12, tzinfo=UTC)
    step = totp.step_at(moment)
    found = {off: totp.matching_step(SECRET, totp.code_at(SECRET, step + off), moment) for off in (-2, -1, 0, 1, 2)}
    assert found == {-2: None, -1: step - 1, 0: step, 1: step + 1, 2: None}
    assert totp.matching_step(SECRET, totp.code_at(SECRET, step), moment + timedelta(seconds=60)) is None


def test_an_app_is_told_what_it_needs() -> None:
    """The URI names the account and the installation, and says digits, period and secret."""
    told = urlsplit(totp.uri(SECRET, "ada@example.org", "muniment.local"))
    assert (told.scheme, told.netloc, told.path) == ("otpauth", "totp", "/muniment.local:ada%40example.org")
    said = {name: value for name, [value] in parse_qs(told.query).items()}
    assert said == {
        "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        "issuer": "muniment.local",
        "algorithm": "SHA1",
        "digits": "6",
        "period": "30",
    }
    assert len(totp.new_secret()) == 20
