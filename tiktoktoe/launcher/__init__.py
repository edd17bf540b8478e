"""`make run` and its kin: starts, watches and surely stops the programs of the product."""
