# Licensed under a 3-clause BSD style license - see LICENSE
"""Progress bars: shown on a terminal, silent elsewhere."""

import sys
from contextlib import contextmanager

__all__ = ["progress_bar"]


class _Silent:
    def update(self, rows=1):
        """Count on without showing it."""


@contextmanager
def progress_bar(total, *, description, unit="row", show=None):
    """
    Show on standard error how far a step has come.

    Parameters
    ----------
    total : int or None
        How many units the step has; None where nobody knows.
    description : str
        What is being done, in a few words.
    unit : str, optional
        What is counted, in the singular.
    show : bool or None, optional
        True shows the bar and False does not; None shows it on a terminal only.

    Yields
    ------
    object
        Has ``update(n)``, which counts `n` units on.

    Examples
    --------
    >>> from astroquery_cfx.progress import progress_bar
    >>> with progress_bar(2, description="Chandra sources", show=False) as bar:
    ...     bar.update(1)
    ...     bar.update(1)
    """
    shown = show if show is not None else bool(getattr(sys.stderr, "isatty", bool)())
    if not shown:
        yield _Silent()
        return
    from tqdm import tqdm

    # Thousands in the counts only where there are thousands, and the same width for each description.
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
