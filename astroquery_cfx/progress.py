# Licensed under a 3-clause BSD style license - see LICENSE
"""Progress bars: shown on a terminal, silent elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Silent:
    def update(self, rows: int = 1) -> None:
        """Count on without showing it."""


@contextmanager
def progress_bar(
    total: int | None, *, description: str, unit: str = "row", show: bool | None = None
) -> Iterator[Any]:
    """Show on standard error how far a step has come; ``bar.update(n)`` counts on by n units.

    The total is None where nobody knows it. The unit is what is counted, in the singular. With
    ``show=None`` the bar appears on a terminal only.
    """
    shown = show if show is not None else bool(getattr(sys.stderr, "isatty", bool)())
    if not shown:
        yield _Silent()
        return
    from tqdm import tqdm

    # Counts are scaled to thousands only where there are thousands; descriptions have one width.
    with tqdm(
        total=total,
        desc=f"{description:<24}",
        unit=f" {unit}",
        unit_scale=(total or 10_000) >= 10_000,
        file=sys.stderr,
        dynamic_ncols=True,
        leave=True,
    ) as bar:
        yield bar
