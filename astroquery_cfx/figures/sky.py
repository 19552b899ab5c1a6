# Licensed under a 3-clause BSD style license - see LICENSE
"""All-sky axes and Galactic WCS, and circles on the sphere as polygons. Angles in degrees."""

from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.wcs import WCS
from matplotlib.collections import PolyCollection
from matplotlib.ticker import FuncFormatter

from ..errors import InvalidInputError
from . import style
from .rows import wrap_longitude

_PROJECTIONS = ("aitoff", "hammer", "mollweide")
_AXIS_NAMES = {
    "galactic": ("Galactic longitude $l$", "Galactic latitude $b$"),
    "icrs": ("Right ascension (ICRS)", "Declination (ICRS)"),
}


def galactic_wcs(projection: str, longitude: float, latitude: float, pixel: float) -> WCS:
    """Return a Galactic WCS with pixel (0, 0) at a position; longitude increases to the left."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"GLON-{projection}", f"GLAT-{projection}"]
    wcs.wcs.crval = [longitude, latitude]
    wcs.wcs.crpix = [1, 1]
    wcs.wcs.cdelt = [-pixel, pixel]
    wcs.wcs.cunit = ["deg", "deg"]
    return wcs


def circle_vertices(longitude: np.ndarray, latitude: np.ndarray, radius: np.ndarray) -> tuple:
    """
    Return circles on the sphere as polygons: longitudes and latitudes, shape (N, 60).

    The longitudes are relative to the centre, in [-180, 180), so that no circle is cut at 0 or 360.
    """
    longitude = np.asarray(longitude)[:, None]
    centers = SkyCoord(longitude, np.asarray(latitude)[:, None], unit="deg")
    around = np.arange(0, 360, 6) * u.deg
    rim = centers.directional_offset_by(around, np.asarray(radius)[:, None] * u.deg)
    return wrap_longitude(rim.ra.deg, longitude), rim.dec.deg


def aitoff_xy(longitude: Any, latitude: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the radians for matplotlib's all-sky axes that let longitude increase to the left."""
    return -np.radians(wrap_longitude(longitude)), np.radians(latitude)


def aitoff_axes(
    table: Table, ax: Any, *, frame: str, label_latitude: float, height: float = 6.0
) -> Any:
    """
    Return all-sky axes, the caller's or those of a new figure, labelled with true longitudes.

    ``frame`` is 'galactic' or 'icrs', ``label_latitude`` where the longitudes are written, and
    ``height`` that of a new figure with its colour bar or close-ups, in inches.
    """
    if ax is None:
        with style.text_sizes():
            ax = style.TableFigure(table, height=height).add_subplot(projection="aitoff")
    elif getattr(ax, "name", None) not in _PROJECTIONS:
        raise InvalidInputError(
            f"This map needs all-sky axes, not {type(ax).__name__}.",
            remedy="make them with figure.add_subplot(projection='aitoff').",
        )
    ax.set_longitude_grid(30)
    ax.set_latitude_grid(30)
    ax.set_longitude_grid_ends(90)
    ax.grid(**style.GRID)
    minus = "\N{MINUS SIGN}"
    degrees = FuncFormatter(lambda radians, _: f"{np.degrees(radians):.0f}°".replace("-", minus))
    ax.yaxis.set_major_formatter(degrees)
    # Labels of our own, since matplotlib's are -150 to 150, to the right. There is none for 180,
    # which is at both ends of the map.
    ax.xaxis.set_ticklabels([])
    look: dict[str, Any] = {"ha": "center", "va": "center", "color": "0.15", "zorder": 6}
    look["fontsize"] = ax.yaxis.get_ticklabels()[0].get_fontsize()
    for longitude in (*range(0, 180, 30), *range(210, 360, 30)):
        x, y = aitoff_xy(longitude, label_latitude)
        ax.text(x, y, f"{longitude}°", path_effects=style.HALO, gid="longitude", **look)
    along, across = _AXIS_NAMES[frame]
    ax.set_xlabel(f"{along} [deg], increasing to the left", labelpad=8)
    ax.set_ylabel(f"{across} [deg]")
    return ax


def draw_aitoff_circles(
    ax: Any, longitude: np.ndarray, latitude: np.ndarray, radius: np.ndarray, **look: Any
) -> None:
    """Draw circles at their true size on all-sky axes, cut in two at the edge of the map."""
    east, rim = circle_vertices(longitude, latitude, radius)
    x = -wrap_longitude(longitude)[:, None] - east
    pieces = []
    for index in range(len(x)):
        if abs(latitude[index]) + radius[index] >= 90:
            pieces.append(_around_pole(x[index], rim[index], np.sign(latitude[index]) * 90))
            continue
        for shifted in (x[index] - 360, x[index], x[index] + 360):
            if shifted.min() < 180 and shifted.max() > -180:
                pieces.append(np.column_stack([np.clip(shifted, -180, 180), rim[index]]))
    # Projected here, since matplotlib would first cut each edge into 75 steps.
    projected = [ax.transProjection.transform(np.radians(piece)) for piece in pieces]
    circles = PolyCollection(projected, transform=ax.transAffine + ax.transAxes, **look)
    ax.add_collection(circles, autolim=False)


def _around_pole(x, y, pole):
    """Return the polygon of a circle with a pole inside: from its rim to the pole."""
    x = wrap_longitude(x)
    order = np.argsort(x)
    x, y = x[order], y[order]
    edge = np.interp(180, [x[-1], x[0] + 360], [y[-1], y[0]])
    return np.column_stack([[-180, *x, 180, 180, -180], [edge, *y, edge, pole, pole]])
