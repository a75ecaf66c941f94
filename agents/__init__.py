"""Everything that acts unattended, each with an identity of its own."""
