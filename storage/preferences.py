"""Preferences: the register of every optional use of a contributor's data, each off until they switch it on.

The API's types, what the trail records, the page for people and the privacy policy follow from it. Each names the one
gate in code that asks for it, and the test that tries the gate while it is off: one that nobody enforces fails
`tests/contract/test_every_preference_is_enforced.py`. `python -m storage.preferences` writes `docs/preferences.md`.
"""

import enum
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from storage.generated import keep

PAGE = Path(__file__).parents[1] / "docs" / "preferences.md"


class Family(enum.StrEnum):
    """What a preference is about: what is taken in, what is done with it, who else gets it."""

    COLLECTION = "COLLECTION"
    USE = "USE"
    SHARING = "SHARING"


@dataclass(frozen=True)
class Preference:
    """One optional use. `name` is the column and, in camelCase, the field of the API. All are off by default.

    `gate` is where it is asked for, as `file:function`, or `policy.polar:words of the rule`; `proof` is the test that
    shows that nothing happens while it is off, `withdrawn` what becomes of what was under way.
    """

    name: str
    family: Family
    label: str
    allows: str
    while_off: str
    withdrawn: str
    gate: str
    proof: str
    named: bool = False
    """Whether it is given by name, as a list, instead of as a whole."""
    protects: bool = False
    """Whether less is kept while it is on, instead of more done: such a wish goes along with an archive."""


_COMES_ALONG = "It is on where it was on there, unless you have chosen here."
_STAYS_BEHIND = "As you chose here. What you allowed elsewhere you allowed to others."
_STOPS = "Nothing more is sent: what waits is not begun, and an answer that is coming in is broken off within seconds."

REGISTER: tuple[Preference, ...] = (
    Preference(
        "strip_metadata", Family.COLLECTION, "Take metadata out of my images",
        "Camera data, places and texts are taken out of JPEG, PNG and WebP images before they are sealed, whoever "
        "uploads them into your projects. It holds for uploads from then on.",
        "Files are kept exactly as they were sent.",
        "It holds for each upload that ends from then on.",
        "storage/contributors.py:strips_metadata",
        "tests/muniment/test_uploaded_metadata.py::test_without_the_wish_a_file_is_kept_as_it_was_sent",
        protects=True,
    ),
    Preference(
        "style_learning", Family.USE, "Let agents learn my style",
        "Agents learn how you write from your briefs, as averages with no word of them, to write more like you.",
        "Nothing is learned, and nothing learned is used.",
        "What was learned is deleted at once. A run asks again at its next step, and goes on without.",
        "agents/generation/briefs.py:learning_allowed",
        "tests/agents/test_generation.py::test_style_is_learned_only_with_the_opt_in",
    ),
    Preference(
        "analytics", Family.USE, "Let my use be analysed",
        "Traces of your operations carry the number under which the trail knows them, so that your use of the platform "
        "can be followed from one operation to the next.",
        "Traces tell which fields were asked for and how long that took, and nothing that leads to you.",
        "It holds from the next operation on.",
        "schema/observing.py:traced",
        "tests/muniment/test_telemetry.py::test_nothing_in_a_span_leads_to_somebody_who_did_not_allow_it",
    ),
    Preference(
        "services", Family.SHARING, "Send my work to these services",
        "The services outside this platform, by name, that your prompts and the assets given with them may be sent to. "
        "Each stands for the terms that were agreed with it: on other terms it is another one, to be allowed anew.",
        "Nothing of yours is sent to a service outside. A model that runs there is refused with CONSENT_REQUIRED.",
        _STOPS,
        "storage/services.py:unallowed",
        "tests/agents/test_egress.py::test_a_brief_stays_here_where_one_thing_is_not_in_order",
        named=True,
    ),
    Preference(
        "training", Family.SHARING, "Let my work train models",
        "Your work may be sent to services that you have allowed and that train models on what they are sent. Nothing "
        "on this platform itself is trained on it.",
        "No service that trains models on what it is sent gets anything of yours.",
        _STOPS,
        "storage/services.py:unallowed",
        "tests/agents/test_egress.py::test_a_brief_stays_here_where_one_thing_is_not_in_order",
    ),
    Preference(
        "support_access", Family.SHARING, "Let support ask to see my work",
        "Support may ask to see some of your work. You still agree to each request, or not.",
        "Support can't even ask.",
        "Requests that wait are withdrawn, and access that support has ends at once.",
        "policy.polar:contributor.preferences.support_access",
        "tests/resolvers/test_preferences.py::test_without_it_support_can_t_ask",
    ),
)  # fmt: skip

SWITCHES = tuple(each.name for each in REGISTER if not each.named)
"""Those that are on or off as a whole."""


def page() -> str:
    """The register for people."""
    head = (
        "# Preferences\n\nEvery optional use of a contributor's data. Each is off until they switch it on with "
        "`updatePrivacyPreferences`, each is asked\nfor at one place in the code at the moment of use, and each change "
        "is kept as a consent and entered in the audit trail.\nGenerated from `storage/preferences.py`; run "
        "`python -m storage.preferences` after changing it.\n"
    )
    return head + "".join(_section(each) for each in REGISTER)


def _section(each: Preference) -> str:
    rows = {
        "about": each.family.value.lower(),
        "while it is off": each.while_off,
        "once it is taken back": each.withdrawn,
        "after an import": _COMES_ALONG if each.protects else _STAYS_BEHIND,
        "asked for in": f"`{each.gate}`",
        "shown by": f"`{each.proof}`",
    }
    lines = "".join(f"| {name} | {said} |\n" for name, said in rows.items())
    return f"\n## `{each.name}`: {each.label.lower()}\n\n{each.allows}\n\n|   |   |\n|---|---|\n{lines}"


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with `--check` compare it; answers the exit code."""
    return keep(PAGE, page(), "storage.preferences", arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
