"""How high a grid is, so that it ends with its last row: the same everywhere."""

from __future__ import annotations

ROW_HEIGHT = 32
#: The header and the frame around it, in pixels.
_HEADER = 36


def grid_height(rows: int, most: int) -> int:
    """Pixels of a grid with so many rows, of which at most `most` are in sight."""
    return min(max(rows, 1), most) * ROW_HEIGHT + _HEADER
