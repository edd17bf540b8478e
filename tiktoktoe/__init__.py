"""The project package. It loads nothing: the launcher and the sandboxes are in it, too."""

import gc

gc.set_threshold(50_000, 20, 50)  # what is loaded stays: to search it for garbage costs a tenth
