"""Everything that survives a restart: records, sealed fields, keys, the ledger, blobs, migrations."""
