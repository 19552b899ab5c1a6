# Licensed under a 3-clause BSD style license - see LICENSE
"""Close-ups below a map: what is smaller than a pixel there is seen at its true size here."""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.coordinates import angular_separation
from astropy.wcs import WCS
from matplotlib.collections import PolyCollection

from . import style
from .rows import Rows, numbers, position, texts
from .sky import circle_vertices

__all__ = ["FermiSources", "add_closeups"]

CLOSEUPS = 3
_HALF_WIDTH, _HALF_HEIGHT = 0.42, 0.26  # deg
_APART = 3.0  # deg
_PIXEL = 0.01  # deg


@dataclass(frozen=True)
class FermiSources:
    """The Fermi sources of the pairs, each once, where its first pair stands: degrees, Galactic."""

    names: np.ndarray
    longitude: np.ndarray
    latitude: np.ndarray
    r95: np.ndarray
    pairs: np.ndarray
    rows: Rows

    @classmethod
    def of(cls, matched, drawn=slice(None)):
        """Take them from the table of pairs, or from those of its rows that are drawn."""
        names = texts(matched, "fermi_name")[drawn]
        longitude, latitude = (one[drawn] for one in position(matched, "fermi_l", "fermi_b"))
        r95 = numbers(matched, "fermi_r95", u.deg)[drawn]
        _, first, pairs = np.unique(names, return_index=True, return_counts=True)
        rows = Rows(len(first), "Fermi sources")
        rows.need(np.isfinite(longitude[first]), "without position")
        rows.check()
        order = np.argsort(first)[rows.drawn[np.argsort(first)]]
        first = first[order]
        return cls(names[first], longitude[first], latitude[first], r95[first], pairs[order], rows)

    @property
    def has_region(self):
        """Where there is a 95% region: extended sources have none."""
        return self.r95 > 0

    def note(self):
        """How many there are, how many are left out and how many have no 95% region."""
        lost = np.count_nonzero(~self.has_region)
        return self.rows.note() + (
            f" ({lost:,} drawn without a 95% region: none is given)" if lost else ""
        )


def add_closeups(figure, places, fermi, draw_sources):
    """
    Draw the surroundings of the Fermi sources with most pairs, with their 95% regions at true size.

    Parameters
    ----------
    figure : `~matplotlib.figure.Figure`
        Where to draw.
    places : list of `~matplotlib.gridspec.SubplotSpec`
        Where the close-ups may stand, at most one for each.
    fermi : FermiSources
        The Fermi sources.
    draw_sources : callable
        ``draw_sources(panel, to_pixel)`` draws the X-ray sources; ``to_pixel(longitude, latitude)`` gives
        which of them are near, and their pixels.
    """
    for place, index in zip(places, _most_pairs(fermi, len(places)), strict=False):
        wcs = _tangent_plane(fermi.longitude[index], fermi.latitude[index])
        with style.own_type():
            panel = figure.add_subplot(place, projection=wcs)
        draw_sources(
            panel, lambda longitude, latitude, wcs=wcs: _to_pixel(wcs, longitude, latitude)
        )
        _draw_fermi(panel, wcs, fermi)
        panel.set_title(f"{fermi.names[index]}\n{fermi.pairs[index]:,} pairs", fontsize=11)
        _frame(panel)
        panel.coords[1].set_axislabel("$b$" if place is places[0] else "", minpad=0.3)
        panel.coords[1].set_auto_axislabel(False)


def _most_pairs(fermi, number):
    """The Fermi sources with most pairs, those with a region first, none near a chosen one."""
    longitude, latitude = np.radians(fermi.longitude), np.radians(fermi.latitude)
    chosen = []
    for index in np.lexsort((-fermi.pairs, ~fermi.has_region)):
        apart = angular_separation(
            longitude[index], latitude[index], longitude[chosen], latitude[chosen]
        )
        if np.all(apart > np.radians(_APART)):
            chosen.append(index)
        if len(chosen) == number:
            break
    return chosen


def _tangent_plane(longitude, latitude):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["GLON-TAN", "GLAT-TAN"]
    wcs.wcs.crval = [longitude, latitude]
    wcs.wcs.crpix = [1, 1]
    wcs.wcs.cdelt = [-_PIXEL, _PIXEL]
    wcs.wcs.cunit = ["deg", "deg"]
    return wcs


def _to_pixel(wcs, longitude, latitude, within=1.0):
    center = np.radians(wcs.wcs.crval)
    near = angular_separation(*center, np.radians(longitude), np.radians(latitude)) < np.radians(
        within
    )
    return near, *wcs.wcs_world2pix(longitude[near], latitude[near], 0)


def _draw_fermi(panel, wcs, fermi):
    _, x, y = _to_pixel(wcs, fermi.longitude, fermi.latitude)
    panel.plot(x, y, "+", markersize=6, markeredgewidth=1.2, color="black", zorder=4)
    near, _, _ = _to_pixel(wcs, fermi.longitude, fermi.latitude, within=5.0)
    near &= fermi.has_region
    east, rim = circle_vertices(fermi.longitude[near], fermi.latitude[near], fermi.r95[near])
    x, y = wcs.wcs_world2pix((fermi.longitude[near, None] + east).ravel(), rim.ravel(), 0)
    panel.add_collection(
        PolyCollection(
            np.stack([x, y], axis=-1).reshape(*east.shape, 2),
            facecolor="none",
            edgecolor="black",
            linewidth=1.2,
            zorder=4,
        ),
        autolim=False,
    )


def _frame(panel):
    panel.set_aspect("equal")
    panel.set_xlim(-_HALF_WIDTH / _PIXEL, _HALF_WIDTH / _PIXEL)
    panel.set_ylim(-_HALF_HEIGHT / _PIXEL, _HALF_HEIGHT / _PIXEL)
    for axis, step in zip(panel.coords, (0.4, 0.2), strict=True):
        axis.set_major_formatter("d.d")
        axis.set_ticks(spacing=step * u.deg)
    panel.coords[0].set_axislabel("$l$", minpad=0.7)
