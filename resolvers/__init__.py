"""One use case per function: authorize, do, record."""
