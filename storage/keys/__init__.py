"""Keys: the key-encryption key, keysets wrapped under it, and the only code that touches Tink."""
