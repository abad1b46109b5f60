"""For all tests: the sandbox's fixtures, and property tests without a deadline (a loaded machine's speed says nothing)."""

import os

from hypothesis import settings

pytest_plugins = ["tests.sandbox_server", "tests.journal.places"]

# On CI the same examples are drawn at every run; people at their desks search further.
settings.register_profile("express-ops", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("express-ops")
