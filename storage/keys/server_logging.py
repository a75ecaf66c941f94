"""What the key store's server keeps beside its tables: statements in its log, and archived WAL.

A wrapped keyset that stands there is still there when its row is destroyed, and opens with the key-encryption key.
"""

from dataclasses import dataclass

from sqlalchemy import text

from storage.keys.stores import KeyStore

_SETTINGS = text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)")
_NAMES = [
    "archive_mode", "log_min_duration_sample", "log_min_duration_statement", "log_parameter_max_length",
    "log_parameter_max_length_on_error", "log_statement", "log_transaction_sample_rate",
]  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """What the server keeps: the settings by which it writes parameters into its log, and whether it archives WAL."""

    logged_by: list[str]
    archives: bool


def kept(store: KeyStore) -> Kept | None:
    """Return what the server keeps; None for SQLite, which keeps nothing. Raises KeyStoreUnavailable."""
    if store.engine.dialect.name != "postgresql":
        return None
    with store.begin(read_only=True) as session:
        found: dict[str, str] = {row.name: row.setting for row in session.execute(_SETTINGS, {"names": _NAMES})}
    by = []
    if found["log_parameter_max_length"] != "0":
        by += ["log_statement"] * (found["log_statement"] in ("mod", "all"))
        by += [name for name in ("log_min_duration_statement", "log_min_duration_sample") if int(found[name]) >= 0]
        by += ["log_transaction_sample_rate"] * (float(found["log_transaction_sample_rate"]) > 0)
    by += ["log_parameter_max_length_on_error"] * (found["log_parameter_max_length_on_error"] != "0")
    return Kept(by, found["archive_mode"] != "off")
