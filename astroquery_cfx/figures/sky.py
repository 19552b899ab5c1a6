# Licensed under a 3-clause BSD style license - see LICENSE
"""Regions on the sphere as polygons, and axes of the whole sky."""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from matplotlib.collections import PolyCollection

from ..errors import InvalidInputError
from .columns import wrap_longitude
from .style import GRID, HALO, new_figure, own_type

__all__ = ["aitoff_axes", "aitoff_xy", "circle_vertices", "draw_aitoff_circles"]

_PROJECTIONS = ("aitoff", "hammer", "mollweide")


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
        Longitude minus that of the centre, in [-180, 180), and latitude of the vertices [deg], shape (N, vertices).

    Examples
    --------
    >>> import numpy as np
    >>> from astroquery_cfx.figures.sky import circle_vertices
    >>> east, latitude = circle_vertices(np.array([10.0]), np.array([60.0]), np.array([0.1]), vertices=4)
    >>> print(np.round(east, 2) + 0.0)
    [[ 0.   0.2  0.  -0.2]]
    """
    centers = SkyCoord(np.asarray(longitude)[:, None], np.asarray(latitude)[:, None], unit="deg")
    around = np.arange(vertices) * (360.0 / vertices) * u.deg
    rim = centers.directional_offset_by(around, np.asarray(radius)[:, None] * u.deg)
    return wrap_longitude(rim.ra.deg, np.asarray(longitude)[:, None]), rim.dec.deg


def aitoff_xy(longitude, latitude):
    """Degrees to the radians of matplotlib's all-sky axes, longitude 0 in the middle, increasing to the left."""
    return -np.radians(wrap_longitude(longitude)), np.radians(latitude)


def aitoff_axes(table, ax, *, frame, label_latitude=0.0):
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
    """
    if ax is None:
        with own_type():
            ax = new_figure(table, 10.0, 6.9).add_subplot(projection="aitoff")
    elif getattr(ax, "name", None) not in _PROJECTIONS:
        raise InvalidInputError(f"This map needs all-sky axes, not {type(ax).__name__}.",
                                remedy="make them with figure.add_subplot(projection='aitoff').")
    ax.set_longitude_grid(30)
    ax.set_latitude_grid(30)
    ax.set_longitude_grid_ends(90)
    ax.xaxis.set_ticklabels([])  # those of the projection: -150 to 150 to the right
    ax.grid(True, **GRID)
    size = ax.yaxis.get_ticklabels()[0].get_fontsize()
    for longitude in (*range(0, 180, 30), *range(210, 360, 30)):
        x, y = aitoff_xy(longitude, label_latitude)
        ax.text(x, y, f"{longitude}°", ha="center", va="center", fontsize=size, color="0.2", zorder=6,
                path_effects=HALO)
    name, tilt = ("Galactic longitude $l$", "Galactic latitude $b$") if frame == "galactic" else (
        "Right ascension (ICRS)", "Declination")
    ax.set_xlabel(f"{name} [deg], increasing to the left", labelpad=6)
    ax.set_ylabel(f"{tilt} [deg]")
    return ax


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
        In the plane of the projection, not in longitude and latitude: matplotlib would else bend
        each of the edges in 75 steps.
    """
    pieces = [ax.transProjection.transform(np.radians(piece))
              for piece in _pieces(np.asarray(longitude), np.asarray(latitude), np.asarray(radius))]
    circles = PolyCollection(pieces, transform=ax.transAffine + ax.transAxes, **look)
    ax.add_collection(circles, autolim=False)
    return circles


def _pieces(longitude, latitude, radius):
    """Polygons in (-longitude, latitude) [deg]: one a circle, two where it lies across the edge of the map."""
    east, rim = circle_vertices(longitude, latitude, radius)
    middle = -wrap_longitude(longitude)
    for index in range(len(middle)):
        if abs(latitude[index]) + radius[index] >= 90:
            yield _around_pole(middle[index] - east[index], rim[index], np.sign(latitude[index]) * 90)
            continue
        for turn in (-360, 0, 360):
            x = middle[index] - east[index] + turn
            if x.min() < 180 and x.max() > -180:
                yield np.column_stack([np.clip(x, -180, 180), rim[index]])


def _around_pole(x, y, pole):
    """A region with a pole inside reaches over all longitudes, up to the pole."""
    x = wrap_longitude(x)
    order = np.argsort(x)
    x, y = x[order], y[order]
    edge = np.interp(180, [x[-1], x[0] + 360], [y[-1], y[0]])
    return np.column_stack([[-180, *x, 180, 180, -180], [edge, *y, edge, pole, pole]])
