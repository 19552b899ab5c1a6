# Licensed under a 3-clause BSD style license - see LICENSE
"""Regions on the sphere as polygons, and axes of the whole sky."""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from matplotlib.collections import PolyCollection
from matplotlib.ticker import FuncFormatter

from ..errors import InvalidInputError
from .rows import wrap_longitude
from .style import GRID, HALO, TableFigure, own_type

__all__ = ["aitoff_axes", "aitoff_xy", "circle_vertices", "draw_aitoff_circles"]

_PROJECTIONS = ("aitoff", "hammer", "mollweide")
_NAMES = {
    "galactic": ("Galactic longitude $l$", "Galactic latitude $b$"),
    "icrs": ("Right ascension (ICRS)", "Declination (ICRS)"),
}


def circle_vertices(longitude, latitude, radius, *, vertices=60):
    """
    Circles on the sphere as polygons.

    Parameters
    ----------
    longitude, latitude, radius : `~numpy.ndarray`
        Centres and angular radii [deg], shape (N,).
    vertices : int
        Number of vertices of each.

    Returns
    -------
    east, latitude : `~numpy.ndarray`
        Longitude minus that of the centre, in [-180, 180), and latitude of the vertices [deg], shape
        (N, vertices); each vertex lies ``radius`` from the centre along a great circle.

    Examples
    --------
    >>> import numpy as np
    >>> from astroquery_cfx.figures.sky import circle_vertices
    >>> east, latitude = circle_vertices(np.array([10.0]), np.array([60.0]), np.array([0.1]), vertices=4)
    >>> print(np.round(latitude, 4))
    [[60.1    59.9998 59.9    59.9998]]
    """
    centers = SkyCoord(np.asarray(longitude)[:, None], np.asarray(latitude)[:, None], unit="deg")
    around = np.arange(vertices) * (360.0 / vertices) * u.deg
    rim = centers.directional_offset_by(around, np.asarray(radius)[:, None] * u.deg)
    return wrap_longitude(rim.ra.deg, np.asarray(longitude)[:, None]), rim.dec.deg


def aitoff_xy(longitude, latitude):
    """Degrees to the radians of matplotlib's all-sky axes: longitude 0 in the middle, growing to the left."""
    return -np.radians(wrap_longitude(longitude)), np.radians(latitude)


def aitoff_axes(table, ax, *, frame, label_latitude, height=6.0):
    """
    The caller's all-sky axes or new ones, with grid and labels in true longitudes.

    Parameters
    ----------
    table : `~astropy.table.Table`
        What is drawn.
    ax : `~matplotlib.axes.Axes` or None
        Axes with projection 'aitoff' (or 'hammer', 'mollweide').
    frame : str
        'galactic' or 'icrs'.
    label_latitude : float
        Latitude [deg] at which the longitudes are written.
    height : float
        Height of new axes, with colour bar or close-ups, inches.
    """
    if ax is None:
        with own_type():
            ax = TableFigure(table, height=height).add_subplot(projection="aitoff")
    elif getattr(ax, "name", None) not in _PROJECTIONS:
        raise InvalidInputError(
            f"This map needs all-sky axes, not {type(ax).__name__}.",
            remedy="make them with figure.add_subplot(projection='aitoff').",
        )
    ax.set_longitude_grid(30)
    ax.set_latitude_grid(30)
    ax.set_longitude_grid_ends(90)
    ax.grid(**GRID)
    ax.yaxis.set_major_formatter(FuncFormatter(_latitude_label))
    ax.xaxis.set_ticklabels([])  # the map's own: -150 to 150, to the right
    size = ax.yaxis.get_ticklabels()[0].get_fontsize()
    for longitude in (*range(0, 180, 30), *range(210, 360, 30)):
        x, y = aitoff_xy(longitude, label_latitude)
        ax.text(
            x,
            y,
            f"{longitude}°",
            ha="center",
            va="center",
            fontsize=size,
            color="0.15",
            zorder=6,
            path_effects=HALO,
            gid="longitude",
        )
    along, across = _NAMES[frame]
    ax.set_xlabel(f"{along} [deg], increasing to the left", labelpad=8)
    ax.set_ylabel(f"{across} [deg]")
    return ax


def _latitude_label(radians, _position):
    return f"{np.degrees(radians):.0f}°".replace("-", "−")


def draw_aitoff_circles(ax, longitude, latitude, radius, **look):
    """
    Draw circles of the sphere at their true size on all-sky axes, parted at the edge of the map.

    Parameters
    ----------
    ax : `~matplotlib.axes.Axes`
        All-sky axes.
    longitude, latitude, radius : `~numpy.ndarray`
        Degrees, shape (N,).
    **look
        Passed to `~matplotlib.collections.PolyCollection`.

    Returns
    -------
    `~matplotlib.collections.PolyCollection`
        Its vertices are in the plane of the projection, not in longitude and latitude: matplotlib
        would else cut each of the edges into 75 steps.
    """
    pieces = [
        ax.transProjection.transform(np.radians(piece))
        for piece in _pieces(np.asarray(longitude), np.asarray(latitude), np.asarray(radius))
    ]
    circles = PolyCollection(pieces, transform=ax.transAffine + ax.transAxes, **look)
    ax.add_collection(circles, autolim=False)
    return circles


def _pieces(longitude, latitude, radius):
    """Polygons in (-longitude, latitude) [deg]; two for a circle that lies across the edge of the map."""
    east, rim = circle_vertices(longitude, latitude, radius)
    middle = -wrap_longitude(longitude)
    for index in range(len(middle)):
        if abs(latitude[index]) + radius[index] >= 90:
            yield _around_pole(
                middle[index] - east[index], rim[index], np.sign(latitude[index]) * 90
            )
            continue
        for turn in (-360, 0, 360):
            x = middle[index] - east[index] + turn
            if x.min() < 180 and x.max() > -180:
                yield np.column_stack([np.clip(x, -180, 180), rim[index]])


def _around_pole(x, y, pole):
    """A region with a pole inside reaches over all longitudes, and up to the pole."""
    x = wrap_longitude(x)
    order = np.argsort(x)
    x, y = x[order], y[order]
    edge = np.interp(180, [x[-1], x[0] + 360], [y[-1], y[0]])
    return np.column_stack([[-180, *x, 180, 180, -180], [edge, *y, edge, pole, pole]])
