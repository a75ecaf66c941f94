"""Values that break programs: numbers at their limits, text that no database stores, identifiers that name nothing."""

import base64
import random
import uuid
from typing import Any

INTEGERS = [
    0,
    1,
    -1,
    2,
    50,
    100,
    101,
    999_999_999,
    2**31 - 1,
    2**31,
    -(2**31),
    -(2**31) - 1,
    2**53,
    2**63,
    2**64,
    10**30,
]
FLOATS = [0.0, -0.0, 0.5, 1.0, 1e-320, 1e16, 1e308, -1e308, 2147483648.0]
NUMBERS = ["1e400", "-1e400", "9" * 400, "9" * 5_000, "0.1e-9999", "1" + "0" * 300 + ".5", "-0", "1e" + "9" * 50]
"""As a document or a JSON text has them."""

TEXTS = [
    "", " ", "\x00", "a\x00b", "\t\r\n", "é", "ß", "İ", "ﬀ", "\u202e", "\ufeff", "\uffff", "\U0001f9f5", "\U0010ffff", "\u0301" * 40,
    "null", "true", "0", "-1", "1e9", "NaN", "[]", "{}", "%", "_", "%%%", "*", "\\", "'", "''", '"', "`", ";", "--", "../../x",
    "a" * 300, "a" * 5_000, " " * 5_000, "\n" * 2_000, "a " * 3_000, "é" * 4_000, "\\" * 1_000, "'" * 1_000, "%_" * 1_000,
    "Did you mean ", " value: found: ", "2026-02-30T25:61:61Z", "2026-01-01T00:00:00+99:99", "0000-00-00T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01", "P1D",
    "https://example.org/hook", "https://[::1", "https://example.org:99999999999/", "http://" + "a." * 200, "https://x\x00y/",
    "a@example.org", "a@b", "@" * 200, "a" * 64 + "@" + "b" * 189 + ".c", "ada@ex\x00ample.org", "image/png", "text/plain", "x/" + "y" * 300,
]  # fmt: skip


def text(at: random.Random) -> str:
    """One of them, or several after one another, or any characters but surrogates."""
    kind = at.random()
    if kind < 0.6:
        return at.choice(TEXTS)
    if kind < 0.8:
        return "".join(at.choice(TEXTS) for _ in range(at.randrange(1, 4)))
    points = (at.randrange(0x110000) if at.random() < 0.3 else at.randrange(0x250) for _ in range(at.randrange(1, 60)))
    return "".join(chr(point) for point in points if not 0xD800 <= point < 0xE000)


def identifier(at: random.Random, known: list[str]) -> str:
    """The id of a thing that exists, of the same with another type's name, altered, or no id at all."""
    kind = at.random()
    if not known or kind < 0.1:
        return text(at)
    found = at.choice(known)
    if kind < 0.7:
        return found
    raw = base64.urlsafe_b64decode(found + "=" * (-len(found) % 4)).decode(errors="replace")
    name, _, row = raw.partition(":")
    said = at.choice(
        [
            f"{at.choice(['Asset', 'Project', 'Nothing', 'Query', '__Schema', '', 'asset', name * 50])}:{row}",
            f"{name}:{uuid.UUID(int=at.getrandbits(128)).hex}",
            f"{name}:{row.upper()}",
            f"{name}:{{{row}}}",
            f"{name}:{row[:-1]}",
            f"{name}:{row}:{row}",
            f"{name}:\x00{row}",
            "é:" + row,
        ]
    )
    altered = base64.urlsafe_b64encode(said.encode()).decode()
    return altered.rstrip("=") if at.random() < 0.5 else altered


def cursor(at: random.Random, known: list[str]) -> str:
    """A cursor that a page had, altered, or none at all."""
    if not known or at.random() < 0.3:
        return text(at)
    found = list(at.choice(known))
    for _ in range(at.randrange(3)):
        found[at.randrange(len(found))] = at.choice("AZaz09-_=+/é\x00")
    return "".join(found[: at.randrange(1, len(found) + 1)] if at.random() < 0.3 else found)


def nested(depth: int, leaf: Any = 1, *, inside: str = "list") -> Any:
    """A list or an object in another, and so on."""
    found = leaf
    for _ in range(depth):
        found = [found] if inside == "list" else {inside: found}
    return found


def anything(at: random.Random, known: list[str]) -> Any:
    """Any value that JSON holds."""
    return at.choice(
        [
            None, True, False, *INTEGERS[:12], *FLOATS, text(at), identifier(at, known), [], {}, [None], [[]], {"": 1},
            nested(at.randrange(1, 40)), nested(200), nested(90, inside="a"), {"a": {"b": text(at)}}, [text(at)] * 60, ["x"] * 2_000,
        ]
    )  # fmt: skip
