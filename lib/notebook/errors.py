"""Our errors in IPython, in one line."""

from __future__ import annotations

import sys
from typing import Any

from lib.errors import ExpressOpsError, ListUnclear


def show_in_a_line() -> None:
    """In IPython our errors are their words alone: what happened, to whom, what to do. Elsewhere nothing is changed."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return

    def told(shell: Any, _: object, error: ExpressOpsError, *__: object, **___: object) -> list[str]:  # noqa: ANN401 - IPython's
        words = error.message
        if isinstance(error, ListUnclear):
            words += f" Say it with: {error.needs}=..."
        shell._showtraceback(type(error), error, [words])
        return [words]

    shell.set_custom_exc((ExpressOpsError,), told)
