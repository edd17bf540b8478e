"""Whether tests take their time: `THOROUGH=1 make test`.

More made-up histories are lived through the database, and axe judges every page whole in all four
views, though it has passed what is drawn alike.
"""

import os

IS_THOROUGH = bool(os.environ.get("THOROUGH"))
