"""The policy itself: which one is in force, how another one comes into force, and why it decides as it does."""
