# Licensed under a 3-clause BSD style license - see LICENSE
"""Numbers of sources along and across the Galactic plane."""

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes

from ..arrays import whole_number
from . import style
from .rows import choose_rows, galactic_position, wrap_longitude


def plot_longitude_histogram(sources: Table, bins: int = 36, *, ax: Axes | None = None) -> Axes:
    """
    Plot the number of sources by Galactic longitude.

    The Galactic Centre is in the middle and longitude increases to the left, as on the maps.

    Parameters
    ----------
    sources : `~astropy.table.Table`
        One row per source, with the columns ``ra``, ``dec`` (ICRS, deg). Other units are converted,
        missing units assumed.
    bins : int, optional
        Number of bins over 360 deg, 1 or more.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on. Those of a new figure by default.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes drawn on. Its x is the longitude wrapped to [-180, 180) deg, labelled 0 to 360.

    Raises
    ------
    InvalidInputError
        If ``bins`` or a column is not valid, or no row can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_longitude_histogram
    >>> ax = plot_longitude_histogram(Table({"ra": [83.63, 266.42], "dec": [22.01, -29.01]}))
    >>> ax.get_ylabel()
    'Chandra sources per 10° of longitude'
    """
    bins = whole_number(bins, "bins", least=1)
    longitude, _ = galactic_position(sources)
    ax = _plot_counts(sources, ax, wrap_longitude(longitude), 180.0, bins, "longitude")
    style.longitude_axis(ax)
    return ax


def plot_latitude_histogram(sources: Table, bins: int = 40, *, ax: Axes | None = None) -> Axes:
    """
    Plot the number of sources by Galactic latitude.

    The axis is symmetric about the plane and reaches the next whole degree beyond all sources.

    Parameters
    ----------
    sources : `~astropy.table.Table`
        One row per source, with the columns ``ra``, ``dec`` (ICRS, deg). Other units are converted,
        missing units assumed.
    bins : int, optional
        Number of bins, 1 or more.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on. Those of a new figure by default.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes drawn on. ``ax.figure.savefig(...)`` writes the figure.

    Raises
    ------
    InvalidInputError
        If ``bins`` or a column is not valid, or no row can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_latitude_histogram
    >>> sources = Table({"ra": [83.63, 266.42], "dec": [22.01, -29.01]})
    >>> plot_latitude_histogram(sources, bins=12).get_ylabel()
    'Chandra sources per 1° of latitude'
    """
    bins = whole_number(bins, "bins", least=1)
    _, latitude = galactic_position(sources)
    reach = np.nanmax(np.ceil(np.abs(latitude)), initial=1.0)
    ax = _plot_counts(sources, ax, latitude, reach, bins, "latitude")
    ax.set_xlabel("Galactic latitude $b$ [deg]")
    return ax


def _plot_counts(sources, ax, coordinate, reach, bins, name):
    """Plot the number of sources by a coordinate from ``-reach`` to ``reach``, in degrees."""
    drawn, note = choose_rows("sources", (np.isfinite(coordinate), "without position"))
    (ax,) = style.plain_axes(sources, ax)
    edges = np.linspace(-reach, reach, bins + 1)
    counts, _ = np.histogram(coordinate[drawn], edges)
    ax.stairs(counts, edges, fill=True, color=style.LIGHT)
    ax.stairs(counts, edges, color=style.DARK, linewidth=0.8)
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(0, counts.max() * 1.06)
    style.label_counts(ax.yaxis)
    ax.set_ylabel(f"Chandra sources per {2 * reach / bins:.4g}° of {name}")
    ax.grid(axis="y", **style.GRID)
    style.finish(ax, sources, f"Chandra sources by Galactic {name}", note)
    return ax
