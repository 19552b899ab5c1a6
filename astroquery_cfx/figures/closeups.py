# Licensed under a 3-clause BSD style license - see LICENSE
"""Close-ups below a map: error regions smaller than its pixels, shown at their true size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import angular_separation
from astropy.table import Table
from matplotlib.collections import PolyCollection
from matplotlib.gridspec import GridSpec

from . import style
from .rows import choose_rows, floats, position, texts
from .sky import circle_vertices, galactic_wcs

CLOSEUPS = 3
_HALF_WIDTH, _HALF_HEIGHT = 0.42, 0.26  # deg: most 95% regions, with the pairs within 0.1 deg
_PIXEL = 0.01  # deg
_APART = 3.0  # deg: else all three would show the Galactic Centre


@dataclass(frozen=True)
class FermiSources:
    """The distinct Fermi sources of a table of pairs, in its order; Galactic degrees."""

    names: np.ndarray
    longitude: np.ndarray
    latitude: np.ndarray
    r95: np.ndarray
    pairs: np.ndarray  # number of pairs of each
    note: str  # how many there are, and how many are left out or have no region

    @classmethod
    def from_pairs(cls, matched: Table, rows: Any = slice(None)) -> FermiSources:
        """Take them from a table of pairs, or from some of its rows."""
        names = texts(matched, "fermi_name")[rows]
        longitude, latitude = (one[rows] for one in position(matched, "fermi_l", "fermi_b"))
        r95 = floats(matched, "fermi_r95", u.deg)[rows]
        _, first, pairs = np.unique(names, return_index=True, return_counts=True)
        order = np.argsort(first)
        first, pairs = first[order], pairs[order]
        known = np.isfinite(longitude[first])
        drawn, note = choose_rows("Fermi sources", (known, "without position"))
        first, pairs = first[drawn], pairs[drawn]
        lost = np.count_nonzero(~(r95[first] > 0))
        if lost:
            note += f" ({lost:,} drawn without a 95% region: none is given)"
        return cls(names[first], longitude[first], latitude[first], r95[first], pairs, note)

    @property
    def has_region(self) -> np.ndarray:
        """Whether each source has a 95% region; extended sources have none."""
        return self.r95 > 0

    @property
    def circles(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Longitudes, latitudes and radii of the 95% regions."""
        region = self.has_region
        return self.longitude[region], self.latitude[region], self.r95[region]


def add_closeups(grid: GridSpec, fermi: FermiSources, xray: tuple, draw_xray: Callable) -> None:
    """
    Draw the surroundings of the Fermi sources with most pairs in the last row of a grid.

    ``xray`` are longitudes and latitudes of X-ray sources; ``draw_xray(panel, near, x, y)`` draws
    those that are near, at their pixels.
    """
    figure: Any = grid.figure
    for column, index in enumerate(_most_pairs(fermi)):
        wcs = galactic_wcs("TAN", fermi.longitude[index], fermi.latitude[index], _PIXEL)
        with style.text_sizes():
            panel = figure.add_subplot(grid[-1, column], projection=wcs)
        draw_xray(panel, *_to_pixel(wcs, *xray))
        _, x, y = _to_pixel(wcs, fermi.longitude, fermi.latitude)
        panel.plot(x, y, "+", markersize=6, markeredgewidth=1.2, color="black", zorder=4)
        # Farther out than the panel: a large region may reach into it.
        near, _, _ = _to_pixel(wcs, *fermi.circles[:2], within=5.0)
        longitude, latitude, r95 = (one[near] for one in fermi.circles)
        east, rim = circle_vertices(longitude, latitude, r95)
        x, y = wcs.wcs_world2pix((longitude[:, None] + east).ravel(), rim.ravel(), 0)
        polygons: Any = np.stack([x, y], axis=-1).reshape(*east.shape, 2)
        regions = PolyCollection(polygons, linewidth=1.2, zorder=4, **style.OUTLINE)
        panel.add_collection(regions, autolim=False)
        panel.set_title(f"{fermi.names[index]}\n{fermi.pairs[index]:,} pairs", fontsize=11)
        panel.set_aspect("equal")
        panel.set_xlim(-_HALF_WIDTH / _PIXEL, _HALF_WIDTH / _PIXEL)
        panel.set_ylim(-_HALF_HEIGHT / _PIXEL, _HALF_HEIGHT / _PIXEL)
        for axis, step in zip(panel.coords, (0.4, 0.2), strict=True):
            axis.set_major_formatter("d.d")
            axis.set_ticks(spacing=step * u.deg)
        panel.coords[0].set_axislabel("$l$", minpad=0.7)
        panel.coords[1].set_axislabel("" if column else "$b$", minpad=0.3)
        panel.coords[1].set_auto_axislabel(False)


def _most_pairs(fermi):
    """Choose the Fermi sources with most pairs, those with a region first, none near another."""
    longitude, latitude = np.radians(fermi.longitude), np.radians(fermi.latitude)
    chosen = []
    for index in np.lexsort((-fermi.pairs, ~fermi.has_region)):
        apart = angular_separation(
            longitude[index], latitude[index], longitude[chosen], latitude[chosen]
        )
        if np.all(apart > np.radians(_APART)):
            chosen.append(index)
        if len(chosen) == CLOSEUPS:
            break
    return chosen


def _to_pixel(wcs, longitude, latitude, within=1.0):
    """Return which positions are within some degrees of the centre, and the x and y of those."""
    center = np.radians(wcs.wcs.crval)
    apart = angular_separation(*center, np.radians(longitude), np.radians(latitude))
    near = apart < np.radians(within)
    return near, *wcs.wcs_world2pix(longitude[near], latitude[near], 0)
