"""The rules of subscribing and of metering, on plain values."""
