"""What these tests compare is what a request does: nothing else writes to the audit log meanwhile."""

import pytest

from muniment import house


@pytest.fixture(autouse=True)
def no_summaries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the denials of strangers unwritten: the minute at which they are written falls into some request."""
    monkeypatch.setattr(house, "_DENIALS_EVERY_SECONDS", 86_400.0)
