# Licensed under a 3-clause BSD style license - see LICENSE
"""The share of Galactic and extragalactic classes."""

import astropy.units as u
import numpy as np
from matplotlib.ticker import PercentFormatter

from . import style
from .rows import Rows, numbers, texts

__all__ = ["plot_class_shares"]


def plot_class_shares(shares, *, ax=None):
    """
    Share of each group of classes among the Fermi sources in the plane, and among those with an X-ray match.

    The notebook leaves this as an exercise. Over each bar stand the share and the number of sources.

    Parameters
    ----------
    shares : `~astropy.table.Table`
        One row a group, with the columns ``group`` (name), ``num_plane``, ``num_matched`` (Fermi sources)
        and ``share_plane``, ``share_matched`` (fractions of 1, or with the unit percent).
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        ``ax.figure.savefig(...)`` writes it.

    Raises
    ------
    InvalidInputError
        If a column is missing or of another kind, or nothing can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_class_shares
    >>> shares = Table({"group": ["Galactic", "extragalactic"], "num_plane": [60, 40], "num_matched": [15, 5],
    ...                 "share_plane": [0.6, 0.4], "share_matched": [0.75, 0.25]})
    >>> ax = plot_class_shares(shares)
    >>> [text.get_text() for text in ax.texts][:2]
    ['60%\\n60', '40%\\n40']
    """
    one = u.dimensionless_unscaled
    names = texts(shares, "group")
    values = {
        side: (numbers(shares, f"share_{side}", one), numbers(shares, f"num_{side}", one))
        for side in ("plane", "matched")
    }
    rows = Rows(len(names), "groups of classes")
    all_given = np.all(np.isfinite([one for pair in values.values() for one in pair]), axis=0)
    rows.need(all_given, "without numbers")
    rows.check()
    (ax,) = style.plain_axes(shares, ax)
    place = np.arange(np.count_nonzero(rows.drawn))
    for shift, color, side, label in (
        (-0.2, style.LIGHT, "plane", "Fermi sources in the plane"),
        (0.2, style.DARK, "matched", "of these, with a Chandra match"),
    ):
        share, number = (column[rows.drawn] for column in values[side])
        bars = ax.bar(
            place + shift, share, 0.38, color=color, label=f"{label} ({number.sum():,.0f})"
        )
        ax.bar_label(
            bars,
            [f"{part:.0%}\n{many:,.0f}" for part, many in zip(share, number, strict=True)],
            padding=3,
            fontsize=11,
        )
    ax.set_xticks(place, names[rows.drawn])
    ax.tick_params(axis="x", length=0)
    ax.set_ylim(0, 1.18 * max(column[0][rows.drawn].max() for column in values.values()))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_ylabel("Share of the Fermi sources")
    ax.set_xlabel("Group of the Fermi class")
    style.legend(ax, ncols=2)
    style.finish(
        ax,
        shares,
        "Classes of Fermi sources, in the plane and matched",
        rows.note() if rows.left_out else "",
    )
    return ax
