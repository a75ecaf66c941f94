"""Backups: the data and the key store, each as one encrypted and signed file, with the sealed files beside the data."""
