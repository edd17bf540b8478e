"""What the numbers mean, on plain values."""
