"""The sealed value, and the column type that stores it.

Neither does any cryptography: `storage.vault` seals and opens. A `Sealed` shows nothing of its content through `repr`,
`str`, comparison or pickling, and a column of this type refuses raw text on write.
"""

from typing import Any, NoReturn

from sqlalchemy import LargeBinary
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class Sealed:
    """Ciphertext as it is stored: one version byte, then Tink AEAD output. Frozen; carries no key and no content."""

    __slots__ = ("stored",)

    stored: bytes
    """The bytes that go into the database."""

    def __init__(self, stored: bytes) -> None:
        _SET(self, stored if type(stored) is bytes else bytes(stored))

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("a sealed value does not change")

    def __repr__(self) -> str:
        return "<sealed>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "<sealed>"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a sealed value is not pickled: store the row, or open it with a grant")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and self.stored == other.stored

    def __hash__(self) -> int:
        return hash(self.stored)


_SET: Any = Sealed.__dict__["stored"].__set__  # the slot itself, since __setattr__ refuses: a page is hundreds of these


class SealedBytes(TypeDecorator[Sealed]):
    """Stores a `Sealed`. Anything else is refused, so that content can't reach the database unsealed."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Sealed | None, dialect: Dialect) -> bytes | None:
        _refuse_raw(value)
        return None if value is None else value.stored

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        _refuse_raw(value)  # before a statement holds it: SQLAlchemy quotes literals that it can't render
        return self

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """From what the database answers: one call for each of the hundreds that a page holds."""
        return _boxed


def _boxed(stored: bytes | None) -> Sealed | None:
    return None if stored is None else Sealed(stored)


def _refuse_raw(value: Any) -> None:
    if value is not None and not isinstance(value, Sealed):
        raise TypeError(f"a sealed column takes a Sealed, not {type(value).__name__}: use Vault.seal first")
