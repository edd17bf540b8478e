"""Template tags; settings makes them builtins, so that templates need no load line."""
