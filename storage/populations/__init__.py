"""Populations: complete lists of what an auditor draws samples from, each with how it came about."""
