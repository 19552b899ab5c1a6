# Licensed under a 3-clause BSD style license - see LICENSE
"""Queries of the 4FGL catalogues, in astroquery's vocabulary."""

import warnings
from collections.abc import Mapping, Sequence
from os import PathLike

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, QTable, Table
from astroquery.exceptions import NoResultsWarning
from astroquery.query import BaseQuery

from ..arrays import angle_in_degrees, to_floats, to_texts
from ..errors import InvalidInputError
from .catalog import CatalogFile, open_catalog
from .download import fetch_release
from .releases import RELEASES, find_release
from .selection import NAME_COLUMNS, class_mask, filter_mask, find_name, hint_names, parse_position
from .source.core import FermiSource, read_source


class Fermi4FGLClass(BaseQuery):
    """
    The Fermi LAT 4FGL catalogues, from the web or from a file.

    Examples
    --------
    >>> from astroquery_cfx import Fermi4FGL
    >>> from astroquery_cfx.fermi import shipped_catalog
    >>> columns = ["Source_Name", "CLASS1"]
    >>> catalog = Fermi4FGL.get_catalog(path=shipped_catalog(), columns=columns)
    >>> len(catalog), catalog.meta["release"]
    (7195, 'DR4')
    """

    def list_releases(self) -> Table:
        """
        List the releases of the catalogue.

        Returns
        -------
        `~astropy.table.Table`
            One row per release: name, title, file, years of data, rows, bytes, SHA-256, changes,
            papers to cite, and folder below ``conf.fermi_urls``. What is not known is masked.

        Examples
        --------
        >>> from astroquery_cfx import Fermi4FGL
        >>> Fermi4FGL.list_releases()["release"].tolist()
        ['DR1', 'DR2', 'DR3', 'DR4', 'FL16Y']
        """
        rows = RELEASES.values()
        table = Table(
            {
                "release": [row.name for row in rows],
                "title": [row.title for row in rows],
                "file": [row.file for row in rows],
                "years": [row.years for row in rows],
                "rows": np.ma.masked_equal([row.rows or 0 for row in rows], 0),
                "size": np.ma.masked_equal([row.size or 0 for row in rows], 0),
                "sha256": np.ma.masked_equal([row.sha256 or "" for row in rows], ""),
                "changes": [row.changes for row in rows],
                "citation": [row.citation for row in rows],
                "folder": [row.folder for row in rows],
            }
        )
        table["size"].unit = u.byte
        table["years"].unit = u.yr
        return table

    def get_catalog(
        self,
        release: str = "DR4",
        *,
        path: str | PathLike | None = None,
        columns: Sequence[str] | None = None,
        column_filters: Mapping[str, object] | None = None,
        quantities: bool = False,
        cache: bool = True,
    ) -> Table:
        """
        Read a release of the catalogue, all sources.

        Parameters
        ----------
        release : str, optional
            ``'DR1'`` to ``'DR4'`` or ``'FL16Y'``. It is downloaded once, checked, and kept in
            ``cache_location``.
        path : str or `~pathlib.Path`, optional
            A FITS file, gzipped or not, instead of a download; its header says which release it is.
        columns : list of str or str, optional
            Names of the columns to read, as in DR4; in a text separated by commas. All, if None.
        column_filters : dict, optional
            Column -> ``(operator, value)`` with one of = != <> < <= > >=; ``(low, high)``, both
            ends included; a list, any of which; None for masked; anything else for equality.
            Values may be Quantities.
        quantities : bool, optional
            True gives a `~astropy.table.QTable` with Quantity columns, and a column ``position`` of
            `~astropy.coordinates.SkyCoord` in front.
        cache : bool, optional
            False downloads the release again even if it is in the cache.

        Returns
        -------
        `~astropy.table.Table`
            One row per source, with units and descriptions; blank strings and NaN are masked.
            ``meta`` has ``release``, ``version``, ``file``, ``sha256`` and ``citation``. Added to
            the columns of the file are Region_SemiMajor, Region_SemiMinor, Region_PosAng and
            Region_Kind: the 95% ellipse, or the template of an extended source, which has none.

        Raises
        ------
        InvalidInputError
            If there is no such release or column, or a filter is not valid.
        InvalidFileError
            If the file is cut, damaged, not FITS, or another catalogue.
        ServiceError
            If no server has the file.
        ServiceUnavailableError
            If no server answers.

        Examples
        --------
        >>> from astroquery_cfx.fermi import Fermi4FGL, shipped_catalog
        >>> bright = {"Signif_Avg": (">", 100)}
        >>> catalog = Fermi4FGL.get_catalog(path=shipped_catalog(), column_filters=bright)
        >>> len(catalog)
        116
        >>> print(catalog["Flux1000"].unit)
        ph / (s cm2)
        """
        catalog = self._open(release, path=path, cache=cache)
        rows = _passing(catalog, column_filters)
        table = catalog.read(columns, rows)
        if column_filters:
            _warn_if_empty(table, "that passes the filters")
        if quantities:
            places = catalog.read(["RAJ2000", "DEJ2000"], rows)
            table = QTable(table)
            table.add_column(_positions(places), name="position", index=0)
        return table

    def get_extension(
        self,
        name: str,
        release: str = "DR4",
        *,
        path: str | PathLike | None = None,
        cache: bool = True,
    ) -> Table:
        """
        Read another extension of the catalogue's file.

        Parameters
        ----------
        name : str
            ExtendedSources, ROIs, Components, EnergyBounds, Hist_Start or GTI, in any case.
        release, path, cache
            As for `get_catalog`.

        Returns
        -------
        `~astropy.table.Table`
            All rows and columns, with units.

        Raises
        ------
        InvalidInputError
            If the file has no such extension.

        Examples
        --------
        >>> from astroquery_cfx.fermi import Fermi4FGL, shipped_catalog
        >>> len(Fermi4FGL.get_extension("ExtendedSources", path=shipped_catalog()))
        82
        """
        return self._open(release, path=path, cache=cache).read_extension(name)

    def query_region(
        self,
        coordinates: SkyCoord | str,
        radius: u.Quantity | str = 1 * u.deg,
        *,
        release: str = "DR4",
        path: str | PathLike | None = None,
        columns: Sequence[str] | None = None,
        column_filters: Mapping[str, object] | None = None,
        cache: bool = True,
    ) -> Table:
        """
        Find the sources around a position.

        Parameters
        ----------
        coordinates : str or `~astropy.coordinates.SkyCoord`
            One position; a name is resolved by Sesame.
        radius : `~astropy.units.Quantity` or str, optional
            Radius of the circle, at most 180 deg.
        release, path, columns, column_filters, cache
            As for `get_catalog`.

        Returns
        -------
        `~astropy.table.Table`
            The sources in the circle, nearest first, with a column ``separation`` (deg).

        Raises
        ------
        InvalidInputError
            If the position or the radius is not valid.

        Examples
        --------
        >>> from astropy import units as u
        >>> from astropy.coordinates import SkyCoord
        >>> from astroquery_cfx.fermi import Fermi4FGL, shipped_catalog
        >>> crab = SkyCoord(83.633, 22.014, unit="deg")
        >>> found = Fermi4FGL.query_region(crab, 0.1 * u.deg, path=shipped_catalog())
        >>> sorted(found["ASSOC1"].tolist())
        ['Crab Nebula', 'Crab Nebula', 'PSR J0534+2200']
        """
        limit, center = angle_in_degrees(radius, "radius"), parse_position(coordinates)
        catalog = self._open(release, path=path, cache=cache)
        separation = center.separation(_positions(catalog.read(["RAJ2000", "DEJ2000"]))).deg
        order = np.argsort(separation, kind="stable")
        inside = order[separation[order] <= limit]
        rows = _passing(catalog, column_filters, inside)
        table = catalog.read(columns, rows)
        table["separation"] = Column(
            separation[rows],
            unit=u.deg,
            format=".5f",
            description="Angle between the source and the position asked for",
        )
        return _warn_if_empty(table, f"within {radius} of {center.to_string('hmsdms')}")

    def query_object(
        self,
        name: str,
        *,
        release: str = "DR4",
        path: str | PathLike | None = None,
        columns: Sequence[str] | None = None,
        column_filters: Mapping[str, object] | None = None,
        cache: bool = True,
    ) -> Table:
        """
        Find the sources that have a name.

        Parameters
        ----------
        name : str
            A 4FGL name with or without ``4FGL``, or a name in an older catalogue, of a
            counterpart, of an extended source or of a TeV source. Case and spaces do not matter.
        release, path, columns, column_filters, cache
            As for `get_catalog`.

        Returns
        -------
        `~astropy.table.Table`
            All sources with that name; empty, with a warning that suggests names, if there is none.

        Raises
        ------
        InvalidInputError
            If the name is empty.

        Examples
        --------
        >>> from astroquery_cfx.fermi import Fermi4FGL, shipped_catalog
        >>> Fermi4FGL.query_object("3c 279", path=shipped_catalog())["Source_Name"].tolist()
        ['4FGL J1256.1-0547']
        """
        catalog = self._open(release, path=path, cache=cache)
        names = _names(catalog)
        found = find_name(names, name)
        table = catalog.read(columns, _passing(catalog, column_filters, found))
        hint = "" if len(found) else hint_names(names, name)
        return _warn_if_empty(table, f"of the name {name!r}{hint}")

    def query_class(
        self,
        *classes: str,
        identified: bool | None = None,
        release: str = "DR4",
        path: str | PathLike | None = None,
        columns: Sequence[str] | None = None,
        column_filters: Mapping[str, object] | None = None,
        cache: bool = True,
    ) -> Table:
        """
        Find the sources of one or more classes.

        Parameters
        ----------
        *classes : str
            Codes of CLASS1, in any case: ``'psr'``, ``'msp'``; ``''`` for the unassociated sources.
        identified : bool, optional
            True for identified sources only, False for associated ones only; both, if None.
        release, path, columns, column_filters, cache
            As for `get_catalog`.

        Returns
        -------
        `~astropy.table.Table`
            The sources, in the order of the catalogue.

        Raises
        ------
        InvalidInputError
            If no class is given, or one that neither the file nor this package knows.

        Examples
        --------
        >>> from astroquery_cfx.fermi import Fermi4FGL, shipped_catalog
        >>> len(Fermi4FGL.query_class("msp", identified=True, path=shipped_catalog()))
        139
        """
        catalog = self._open(release, path=path, cache=cache)
        codes = to_texts(catalog.read(["CLASS1"])["CLASS1"])
        found = np.flatnonzero(class_mask(codes, classes, identified=identified))
        table = catalog.read(columns, _passing(catalog, column_filters, found))
        return _warn_if_empty(table, f"of class {', '.join(map(repr, classes))}")

    def get_source(
        self,
        name: str,
        *,
        release: str = "DR4",
        path: str | PathLike | None = None,
        cache: bool = True,
    ) -> FermiSource:
        """
        Get one source as an object.

        Parameters
        ----------
        name : str
            As for `query_object`. A name of the catalogue itself takes precedence over the same
            name in another column.
        release, path, cache
            As for `get_catalog`.

        Returns
        -------
        `~astroquery_cfx.fermi.source.FermiSource`
            With its position, error ellipse, spectrum, flux points, light curve and associations.

        Raises
        ------
        InvalidInputError
            If no source has the name, or more than one.

        Examples
        --------
        >>> from astroquery_cfx.fermi import Fermi4FGL, shipped_catalog
        >>> Fermi4FGL.get_source("vela x", path=shipped_catalog())
        <FermiSource 4FGL J0834.3-4542e (DR4)>
        """
        catalog = self._open(release, path=path, cache=cache)
        names = _names(catalog)
        found = find_name(names["Source_Name",], name)
        if len(found) != 1:
            found = find_name(names, name)
        if not len(found):
            raise InvalidInputError(
                f"{catalog.label} has no source of the name {name!r}{hint_names(names, name)}.",
                remedy="see query_region for the sources around a position.",
            )
        if len(found) > 1:
            raise InvalidInputError(
                f"{len(found)} sources of {catalog.label} have the name {name!r}.",
                remedy=f"name one of {', '.join(names['Source_Name'][found])}, "
                "or use query_object for all.",
            )
        return read_source(catalog, found[0])

    def clear_cache(self) -> None:
        """Remove the catalogues that were downloaded."""
        super().clear_cache()
        for file in self.cache_location.glob("gll_psc_v*.fit*"):
            file.unlink(missing_ok=True)

    def _open(self, release, *, path, cache) -> CatalogFile:
        """Return a checked file: the user's own, or that of a release."""
        if path is not None:
            return open_catalog(path)
        return fetch_release(self._session, find_release(release), self.cache_location, cache=cache)


def _names(catalog) -> Table:
    """Return the columns with names of the sources."""
    return catalog.read([name for name in NAME_COLUMNS if name in catalog.column_names])


def _passing(catalog, column_filters, rows=None):
    """Return those of some rows (all, if None) that pass the filters, in their order."""
    if not column_filters:
        return rows
    if not isinstance(column_filters, Mapping):
        raise InvalidInputError(
            f"column_filters is a {type(column_filters).__name__}.",
            remedy="give a dict, e.g. {'Signif_Avg': ('>', 10)}.",
        )
    passed = filter_mask(catalog.read(list(column_filters)), column_filters)
    return np.flatnonzero(passed) if rows is None else rows[passed[rows]]


def _warn_if_empty(table, what) -> Table:
    """Return the table; warn if it has no rows."""
    if not len(table):
        warnings.warn(
            f"{table.meta['release']} has no source {what}.", NoResultsWarning, stacklevel=3
        )
    return table


def _positions(table) -> SkyCoord:
    """Return positions in double precision, so that separations are not rounded to float32."""
    ra, dec = (to_floats(table[name]) for name in ("RAJ2000", "DEJ2000"))
    return SkyCoord(ra, dec, unit="deg")


Fermi4FGL = Fermi4FGLClass()
