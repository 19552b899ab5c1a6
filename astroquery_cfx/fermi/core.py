# Licensed under a 3-clause BSD style license - see LICENSE
"""The 4FGL catalogues in astroquery's vocabulary."""

import re
import warnings
from difflib import get_close_matches

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, Table
from astroquery.exceptions import NoResultsWarning
from astroquery.query import BaseQuery
from astroquery.utils import commons

from ..errors import InvalidInputError
from .catalog import open_catalog
from .classes import known_classes
from .download import fetch_release
from .releases import RELEASES, find_release

__all__ = ["Fermi4FGL", "Fermi4FGLClass"]

_NAME_COLUMNS = ("Source_Name", "ASSOC1", "ASSOC2", "ASSOC_TEV", "ASSOC_4FGL", "ASSOC_FGL", "ASSOC_FHL",
                 "ASSOC_GAM1", "ASSOC_GAM2", "ASSOC_GAM3", "Extended_Source_Name")


class Fermi4FGLClass(BaseQuery):
    """
    The Fermi LAT 4FGL catalogues, from the web or from a file.

    Examples
    --------
    >>> from astroquery_cfx import Fermi4FGL
    >>> from astroquery_cfx.fermi import shipped_catalog
    >>> catalog = Fermi4FGL.get_catalog(path=shipped_catalog(), columns=["Source_Name", "CLASS1"])
    >>> len(catalog), catalog.meta["release"]
    (7195, 'DR4')
    """

    def list_releases(self):
        """
        List the releases of the catalogue.

        Returns
        -------
        `~astropy.table.Table`
            One row a release: name, title, file, years of data, rows, bytes, SHA-256, what changed, citation,
            folder below ``conf.fermi_urls``. What is not known is masked.

        Examples
        --------
        >>> from astroquery_cfx import Fermi4FGL
        >>> list(Fermi4FGL.list_releases()["release"])
        ['DR1', 'DR2', 'DR3', 'DR4', 'FL16Y']
        """
        rows = RELEASES.values()
        table = Table({
            "release": [row.name for row in rows], "title": [row.title for row in rows],
            "file": [row.file for row in rows], "years": [row.years for row in rows],
            "rows": np.ma.masked_equal([row.rows or 0 for row in rows], 0),
            "size": np.ma.masked_equal([row.size or 0 for row in rows], 0),
            "sha256": np.ma.masked_equal([row.sha256 or "" for row in rows], ""),
            "changes": [row.changes for row in rows], "citation": [row.citation for row in rows],
            "folder": [row.folder for row in rows]})
        table["size"].unit = u.byte
        table["years"].unit = u.yr
        return table

    def get_catalog(self, release="DR4", *, path=None, columns=None, cache=True):
        """
        Read a release of the catalogue, all sources.

        Parameters
        ----------
        release : str, optional
            ``'DR1'`` to ``'DR4'`` or ``'FL16Y'``. It is downloaded once, checked, and kept in
            ``cache_location``.
        path : str or `~pathlib.Path`, optional
            A FITS file, gzipped or not, instead of a download; ``release`` is then read from its header.
        columns : list of str, optional
            Names of the columns to read, as in DR4. All, if None.
        cache : bool, optional
            False downloads again what is in the cache.

        Returns
        -------
        `~astropy.table.Table`
            One row a source, with units and descriptions; blank strings and NaN are masked. ``meta`` has
            ``release``, ``version``, ``file``, ``sha256`` and ``citation``.

        Raises
        ------
        InvalidInputError
            If there is no such release or column.
        InvalidFileError
            If the file is cut, damaged, not FITS, or another catalogue.
        ServiceUnavailableError
            If no server gives the file.

        Examples
        --------
        >>> from astroquery_cfx import Fermi4FGL
        >>> from astroquery_cfx.fermi import shipped_catalog
        >>> catalog = Fermi4FGL.get_catalog(path=shipped_catalog())
        >>> print(catalog["Flux1000"].unit)
        ph / (s cm2)
        """
        return self._open(release, path=path, cache=cache).read(columns)

    def query_region(self, coordinates, radius=1 * u.deg, *, release="DR4", path=None, columns=None,
                     cache=True):
        """
        Find the sources around a position.

        Parameters
        ----------
        coordinates : str or `~astropy.coordinates.SkyCoord`
            One position; a name is resolved by Sesame.
        radius : `~astropy.units.Quantity` or str, optional
            Radius of the circle.
        release, path, columns, cache
            As for `get_catalog`.

        Returns
        -------
        `~astropy.table.Table`
            The sources whose position lies in the circle, nearest first, with a column ``separation`` (deg).

        Raises
        ------
        InvalidInputError
            If the position or the radius is none.

        Examples
        --------
        >>> from astropy import units as u
        >>> from astropy.coordinates import SkyCoord
        >>> from astroquery_cfx import Fermi4FGL
        >>> from astroquery_cfx.fermi import shipped_catalog
        >>> crab = SkyCoord(83.633, 22.014, unit="deg")
        >>> found = Fermi4FGL.query_region(crab, 0.1 * u.deg, path=shipped_catalog())
        >>> sorted(found["ASSOC1"])
        ['Crab Nebula', 'Crab Nebula', 'PSR J0534+2200']
        """
        radius = _parse_radius(radius)
        center = _parse_center(coordinates)
        catalog = self._open(release, path=path, cache=cache)
        places = catalog.read(["RAJ2000", "DEJ2000"])
        positions = SkyCoord(places["RAJ2000"], places["DEJ2000"], frame="icrs")
        separation = positions.separation(center.icrs).deg
        found = np.flatnonzero(separation <= radius.to_value(u.deg))
        found = found[np.argsort(separation[found], kind="stable")]
        table = _rows(catalog.read(columns), found, f"within {radius} of {center.to_string('hmsdms')}")
        table["separation"] = Column(separation[found], unit=u.deg, format=".5f",
                                     description="Angle between the source and the position asked for")
        return table

    def query_object(self, name, *, release="DR4", path=None, columns=None, cache=True):
        """
        Find the sources that bear a name.

        Parameters
        ----------
        name : str
            A 4FGL name with or without ``4FGL``, a name in an older catalogue, of a counterpart, of an
            extended source or of a TeV source. Case and spaces do not matter.
        release, path, columns, cache
            As for `get_catalog`.

        Returns
        -------
        `~astropy.table.Table`
            All sources that bear it; empty, with a warning that suggests names, where none does.

        Examples
        --------
        >>> from astroquery_cfx import Fermi4FGL
        >>> from astroquery_cfx.fermi import shipped_catalog
        >>> list(Fermi4FGL.query_object("3c 279", path=shipped_catalog())["Source_Name"])
        ['4FGL J1256.1-0547']
        """
        wanted = _squeeze(name)
        if not wanted:
            raise InvalidInputError("The name is empty.",
                                    remedy="name a source, e.g. '4FGL J1256.1-0547' or '3C 279'.")
        catalog = self._open(release, path=path, cache=cache)
        names = _names(catalog)
        found = np.flatnonzero(np.any([squeezed == wanted for squeezed, _ in names.values()], axis=0)
                               | np.isin(names["Source_Name"][0], [f"4FGL{wanted}", f"FL16Y{wanted}"]))
        near = "" if len(found) else _nearest(wanted, names)
        return _rows(catalog.read(columns), found, f"of the name {name!r}{near}")

    def query_class(self, *classes, identified=None, release="DR4", path=None, columns=None, cache=True):
        """
        Find the sources of classes.

        Parameters
        ----------
        *classes : str
            Codes of CLASS1, in any case: ``'psr'``, ``'msp'``; ``''`` for the unassociated sources.
        identified : bool, optional
            True for identified sources only, False for associated ones only; both, if None.
        release, path, columns, cache
            As for `get_catalog`.

        Returns
        -------
        `~astropy.table.Table`

        Raises
        ------
        InvalidInputError
            If no class is given, or one that neither the file nor this package knows.

        Examples
        --------
        >>> from astroquery_cfx import Fermi4FGL
        >>> from astroquery_cfx.fermi import shipped_catalog
        >>> len(Fermi4FGL.query_class("msp", identified=True, path=shipped_catalog()))
        139
        """
        catalog = self._open(release, path=path, cache=cache)
        codes = _filled(catalog.read(["CLASS1"])["CLASS1"])
        wanted = _parse_classes(classes, codes)
        keep = np.isin(np.strings.lower(codes), wanted)
        if identified is not None:
            keep &= np.strings.isupper(codes) == bool(identified)
        return _rows(catalog.read(columns), np.flatnonzero(keep), f"of class {', '.join(classes)}")

    def _open(self, release, *, path=None, cache=True):
        """The checked file of a release."""
        if path is not None:
            return open_catalog(path)
        return fetch_release(self._session, find_release(release), self.cache_location, cache=cache)


def _parse_radius(radius):
    """An angle that is above zero, or an error that says what to write."""
    if isinstance(radius, (int, float, np.number)):
        raise InvalidInputError(f"The radius {radius} has no unit.", remedy="give it a unit, e.g. 0.1*u.deg.")
    try:
        angle = u.Quantity(radius).to(u.deg)
    except (TypeError, ValueError, u.UnitsError) as error:
        raise InvalidInputError(f"The radius {radius!r} is not an angle.",
                                remedy="give it a unit, e.g. 0.1*u.deg.") from error
    if not angle.isscalar or not 0 <= angle.value <= 180:
        raise InvalidInputError(f"The radius {radius} is not one angle from 0 to 180 deg.",
                                remedy="give e.g. 0.1*u.deg.")
    return angle


def _parse_center(coordinates):
    """One position with finite coordinates."""
    center = SkyCoord(commons.parse_coordinates(coordinates))
    if not center.isscalar or not np.isfinite(center.spherical.lon.value + center.spherical.lat.value):
        raise InvalidInputError("The coordinates are not one position with finite values.",
                                remedy="give one SkyCoord; for many positions use crossmatch_tables.")
    return center


def _parse_classes(classes, present):
    """Codes in lower case; a misspelt one is an error."""
    if not classes:
        raise InvalidInputError("No class is named.",
                                remedy="name one or more, e.g. query_class('psr', 'msp').")
    wanted = [str(code).strip().lower() for code in classes]
    known = {*known_classes(), *np.strings.lower(present).tolist()}
    unknown = [code for code in wanted if code not in known]
    if unknown:
        raise InvalidInputError(f"There is no class {unknown[0]!r} in the catalogue.", remedy=(
            f"name some of {', '.join(sorted(known - {''}))}, or '' for the unassociated."))
    return wanted


def _squeeze(name):
    """A name without spaces and case."""
    return re.sub(r"\s+", "", str(name)).upper()


def _filled(column):
    """Strings of a column as an array, empty where masked."""
    return np.asarray(column.filled("") if hasattr(column, "filled") else column)


def _names(catalog):
    """Column -> (its names without spaces and case, the names)."""
    table = catalog.read([name for name in _NAME_COLUMNS if name in catalog.column_names])
    names = {}
    for column in table.itercols():
        plain = _filled(column)
        names[column.name] = (np.strings.upper(np.strings.replace(plain, " ", "")), plain)
    return names


def _nearest(wanted, names):
    """The names most like one that nothing bears."""
    plain = {squeezed: name for squeezed_names, written in names.values()
             for squeezed, name in zip(squeezed_names.tolist(), written.tolist(), strict=True) if name}
    near = get_close_matches(wanted, plain, n=3, cutoff=0.6)
    return f" (nearest names: {', '.join(plain[name] for name in near)})" if near else ""


def _rows(table, found, what):
    """Rows of a table; a warning where there are none."""
    if not len(found):
        warnings.warn(f"{table.meta['release']} has no source {what}.", NoResultsWarning, stacklevel=3)
    return table[found]


Fermi4FGL = Fermi4FGLClass()
