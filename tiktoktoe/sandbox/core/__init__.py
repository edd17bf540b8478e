"""What every stand-in is made of: durable state, a clock, faults, keys, webhooks, a server."""
