"""Reads over several tables of billing."""
