"""Connection: which account, whether a key is there (never which), a test, and the limits."""

from lib.ui import connection
from lib.ui.resources import get_resources
from lib.ui.widgets import head

resources = get_resources()
head.show("Connection")
connection.show(resources)
