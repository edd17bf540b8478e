"""The arithmetic of what is owed, and the rules of collecting it, on plain values."""
