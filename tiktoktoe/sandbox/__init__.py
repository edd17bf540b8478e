"""Stand-ins for the outside world, each checking the vendor's own published contract."""
