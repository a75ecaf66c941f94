"""What can go wrong with sealed values. No message carries content; `code` is what leaves the process."""


class SealedDamaged(Exception):
    """A sealed value does not open where it stands: changed, cut, or moved from another row, column or owner."""

    code = "SEALED_DAMAGED"


class SealedWithoutGrant(Exception):
    """Someone tried to open a field of a row that does not carry the decision to let them."""

    code = "SEALED_WITHOUT_GRANT"


class NotSealable(Exception):
    """A value or a row can't be sealed: no owner yet, or a value that is neither text, bytes nor JSON."""

    code = "NOT_SEALABLE"
