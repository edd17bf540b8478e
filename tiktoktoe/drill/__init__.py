"""The chaos drill of payments: many faults at once, then the gateways are asked for the truth."""
