"""The audit trail: typed events, content-free leaves, personal sides that can be erased."""
