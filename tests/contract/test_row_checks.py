"""Every column that Python may be unable to read has a constraint on PostgreSQL (`storage.row_checks`)."""

import enum
import re
from datetime import date, datetime

import pytest

from storage import row_checks
from storage.catalogue import models

pytestmark = pytest.mark.one_database("sqlite", reason="no database is asked")


def test_each_time_and_each_enum_is_constrained() -> None:
    """The next column is, without anybody thinking of it. What else a column can be is always readable, or listed."""
    readable = (str, int, bool, bytes, float, dict, list)
    found = row_checks.conditions()
    count = 0
    for model in models():
        for column in model.__table__.columns:
            kind = getattr(column.type, "impl", column.type).python_type if _has_python_type(column) else object
            condition = found.get(model.__tablename__, "")
            if issubclass(kind, datetime):
                assert f"{column.name} < '9999-12-30" in condition, (model.__tablename__, column.name)
            elif issubclass(kind, enum.Enum):
                listed = re.search(rf"\b{column.name} IN \(([^)]*)\)", condition)
                assert listed is not None, (model.__tablename__, column.name)
                assert {f"'{each.value}'" for each in kind} == set(listed[1].split(", "))
            else:
                assert not issubclass(kind, date), "a date can be infinite too: constrain it"
                assert issubclass(kind, readable) or kind.__name__ in ("UUID", "Sealed", "object"), (column, kind)
                continue
            count += 1
    assert count > 150


def _has_python_type(column: object) -> bool:
    try:
        return bool(column.type.python_type)  # type: ignore[attr-defined]
    except NotImplementedError:
        return False
