"""Readings of a period as columns."""
