"""What wraps keysets, wherever its own key is."""

from tink import aead


class Kms(aead.Aead):
    """Wraps and unwraps keysets."""

    insecure: bool
    """Whether production must refuse it."""

    def close(self) -> None:
        """Let go of what it holds. It is not asked again."""
