"""Deletion certificates: what a deletion destroyed and who counted what was left, signed, to be checked by anybody."""
