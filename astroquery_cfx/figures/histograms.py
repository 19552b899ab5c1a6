# Licensed under a 3-clause BSD style license - see LICENSE
"""Sources counted along and across the Galactic plane."""

import numpy as np
from matplotlib.ticker import FuncFormatter, StrMethodFormatter

from ..errors import InvalidInputError
from . import style
from .rows import Rows, galactic_position, wrap_longitude

__all__ = ["longitude_axis", "plot_latitude_histogram", "plot_longitude_histogram"]


def plot_longitude_histogram(sources, bins=36, *, ax=None):
    """
    Number of sources by Galactic longitude.

    What differs from the notebook: the axis runs from 180 deg through the Galactic Centre in the middle to
    180 deg, increasing to the left as on the maps (from 0 to 360 deg the peak at the centre is cut in two).

    Parameters
    ----------
    sources : `~astropy.table.Table`
        One row a source, with the columns ``ra``, ``dec`` (ICRS, deg). Units of the same kind are converted,
        a column without unit is in deg.
    bins : int
        Number of bins over 360 deg.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        Its x is the longitude wrapped to [-180, 180) deg, labelled 0 to 360.

    Raises
    ------
    InvalidInputError
        If a column is missing or of another kind, or nothing can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_longitude_histogram
    >>> ax = plot_longitude_histogram(Table({"ra": [83.63, 266.42], "dec": [22.01, -29.01]}))
    >>> ax.get_ylabel()
    'Chandra sources per 10° of longitude'
    """
    _check_bins(bins)
    longitude, _ = galactic_position(sources)
    rows = _with_position(longitude)
    (ax,) = style.plain_axes(sources, ax)
    edges = np.linspace(-180, 180, bins + 1)
    _draw_counts(ax, wrap_longitude(longitude[rows.drawn]), edges)
    longitude_axis(ax)
    ax.set_ylabel(f"Chandra sources per {360 / bins:.4g}° of longitude")
    style.finish(ax, sources, "Chandra sources by Galactic longitude", rows.note())
    return ax


def plot_latitude_histogram(sources, bins=40, *, ax=None):
    """
    Number of sources by Galactic latitude.

    The notebook has none. The axis spans, evenly to both sides, all sources given, to the next whole degree.

    Parameters
    ----------
    sources : `~astropy.table.Table`
        One row a source, with the columns ``ra``, ``dec`` (ICRS, deg). Units of the same kind are converted,
        a column without unit is in deg.
    bins : int
        Number of bins.
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
    >>> from astroquery_cfx.figures import plot_latitude_histogram
    >>> ax = plot_latitude_histogram(Table({"ra": [83.63, 266.42], "dec": [22.01, -29.01]}), bins=12)
    >>> ax.get_ylabel()
    'Chandra sources per 1° of latitude'
    """
    _check_bins(bins)
    _, latitude = galactic_position(sources)
    rows = _with_position(latitude)
    latitude = latitude[rows.drawn]
    (ax,) = style.plain_axes(sources, ax)
    reach = max(1.0, np.ceil(np.abs(latitude).max()))
    _draw_counts(ax, latitude, np.linspace(-reach, reach, bins + 1))
    ax.set_xlabel("Galactic latitude $b$ [deg]")
    ax.set_ylabel(f"Chandra sources per {2 * reach / bins:.4g}° of latitude")
    style.finish(ax, sources, "Chandra sources by Galactic latitude", rows.note())
    return ax


def longitude_axis(ax, step=30):
    """Longitude wrapped to [-180, 180) along x, increasing to the left, labelled 0 to 360 as in tables."""
    ax.set_xlim(180, -180)
    ax.set_xticks(np.arange(-180, 181, step))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda longitude, _: f"{longitude % 360:.0f}"))
    ax.set_xlabel("Galactic longitude $l$ [deg], increasing to the left")


def _check_bins(bins):
    if isinstance(bins, bool) or not isinstance(bins, (int, np.integer)) or bins < 1:
        raise InvalidInputError(f"bins = {bins!r} is not a whole number above zero.")


def _with_position(coordinate):
    rows = Rows(len(coordinate), "sources")
    rows.need(np.isfinite(coordinate), "without position")
    rows.check()
    return rows


def _draw_counts(ax, values, edges):
    counts, _ = np.histogram(values, edges)
    ax.stairs(counts, edges, fill=True, color=style.LIGHT)
    ax.stairs(counts, edges, color=style.DARK, linewidth=0.8)
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(0, counts.max() * 1.06)
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.grid(axis="y", **style.GRID)
