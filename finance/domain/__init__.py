"""Accounting on plain values: entries, what posts them, and when revenue is earned."""
