# Licensed under a 3-clause BSD style license - see LICENSE
"""Names of X-ray sources made from their positions."""

import numpy as np

__all__ = ["iau_names"]


def _digits(values, width):
    """Decimal digits of whole numbers as ASCII bytes, one row a number."""
    return (values[:, None] // 10 ** np.arange(width - 1, -1, -1) % 10 + ord("0")).astype(np.uint8)


def iau_names(ra, dec, *, prefix="2CXO J"):
    """
    Names after positions, truncated as the IAU asks for, with A, B, ... where several fall together.

    Parameters
    ----------
    ra, dec : array_like, shape (n,)
        ICRS positions, deg.
    prefix : str, optional
        What the names begin with.

    Returns
    -------
    names : `~numpy.ndarray` of str, shape (n,)
        ``2CXO JHHMMSS.s+DDMMSS`` and a letter where needed, in the order of the names.
    order : `~numpy.ndarray` of int, shape (n,)
        The row of each name.

    Examples
    --------
    >>> from astroquery_cfx.archive.sky.designations import iau_names
    >>> names, order = iau_names([187.705865, 83.633212, 187.705861], [12.391093, -22.014460, 12.391090])
    >>> names.tolist()
    ['2CXO J053431.9-220052', '2CXO J123049.4+122327A', '2CXO J123049.4+122327B']
    >>> order.tolist()
    [1, 0, 2]
    """
    ra, dec = np.asarray(ra, dtype=float), np.asarray(dec, dtype=float)
    tenths = np.floor(ra * 2400).astype(np.int64) % 864_000
    seconds = np.floor(np.abs(dec) * 3600).astype(np.int64)
    south = dec < 0
    order = np.lexsort((seconds, south, tenths))  # '+' comes before '-'
    tenths, seconds, south = tenths[order], seconds[order], south[order]
    clock = tenths // 36_000 * 100_000 + tenths // 600 % 60 * 1_000 + tenths % 600
    angle = seconds // 3600 * 10_000 + seconds // 60 % 60 * 100 + seconds % 60
    same = np.append(
        [False], (np.diff(clock) == 0) & (np.diff(angle) == 0) & (south[1:] == south[:-1])
    )
    first = np.maximum.accumulate(np.where(same, 0, np.arange(len(same))))
    letter = np.arange(len(same)) - first
    shared = same | np.append(same[1:], [False])
    sign = np.where(south, ord("-"), ord("+")).astype(np.uint8)[:, None]
    dot = np.full((len(sign), 1), ord("."), np.uint8)
    clock_digits = _digits(clock, 7)
    text = np.hstack(
        [
            np.broadcast_to(np.frombuffer(prefix.encode(), np.uint8), (len(sign), len(prefix))),
            clock_digits[:, :6],
            dot,
            clock_digits[:, 6:],
            sign,
            _digits(angle, 6),
            np.where(shared, ord("A") + letter, 0).astype(np.uint8)[:, None],
        ]
    )
    return np.ascontiguousarray(text).view(f"S{text.shape[1]}")[:, 0].astype(
        f"U{text.shape[1]}"
    ), order
