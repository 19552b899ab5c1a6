# Licensed under a 3-clause BSD style license - see LICENSE
"""The 4FGL catalogues in astroquery's vocabulary."""

import warnings

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, QTable, Table
from astroquery.exceptions import NoResultsWarning
from astroquery.query import BaseQuery

from ..errors import InvalidInputError
from .catalog import open_catalog
from .download import fetch_release
from .releases import RELEASES, find_release
from .selection import (
    NAME_COLUMNS,
    filter_mask,
    find_name,
    parse_classes,
    parse_position,
    parse_radius,
    plain_strings,
    suggest_names,
)
from .source import read_source

__all__ = ["Fermi4FGL", "Fermi4FGLClass"]


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
        release="DR4",
        *,
        path=None,
        columns=None,
        column_filters=None,
        quantities=False,
        cache=True,
    ):
        """
        Read a release of the catalogue, all sources.

        Parameters
        ----------
        release : str, optional
            ``'DR1'`` to ``'DR4'`` or ``'FL16Y'``. It is downloaded once, checked, and kept in
            ``cache_location``.
        path : str or `~pathlib.Path`, optional
            A FITS file, gzipped or not, instead of a download; its release is then read from its header.
        columns : list of str, optional
            Names of the columns to read, as in DR4. All, if None.
        column_filters : dict, optional
            Column -> ``(operator, value)`` with one of = != < <= > >=; ``(low, high)``, both ends included; a
            list, any of which; None for masked; anything else for equality. Values may be Quantities.
        quantities : bool, optional
            True gives a `~astropy.table.QTable` with Quantity columns, and a column ``position`` of
            `~astropy.coordinates.SkyCoord` in front.
        cache : bool, optional
            False downloads again what is in the cache.

        Returns
        -------
        `~astropy.table.Table`
            One row a source, with units and descriptions; blank strings and NaN are masked. ``meta`` has
            ``release``, ``version``, ``file``, ``sha256`` and ``citation``. Added to the columns of the file
            are Region_SemiMajor, Region_SemiMinor, Region_PosAng and Region_Kind: the 95% ellipse, or the
            template of an extended source, which has no ellipse.

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
        >>> catalog = Fermi4FGL.get_catalog(path=shipped_catalog(), column_filters={"Signif_Avg": (">", 100)})
        >>> len(catalog)
        116
        >>> print(catalog["Flux1000"].unit)
        ph / (s cm2)
        """
        catalog = self._open(release, path=path, cache=cache)
        rows = _filtered(catalog, column_filters)
        table = catalog.read(columns, rows)
        if rows is not None:
            _warn_if_empty(table, "that passes the filters")
        return _with_quantities(table, catalog, rows) if quantities else table

    def get_extension(self, name, release="DR4", *, path=None, cache=True):
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
            The rows.

        Raises
        ------
        InvalidInputError
            If the file has no such extension.

        Examples
        --------
        >>> from astroquery_cfx import Fermi4FGL
        >>> from astroquery_cfx.fermi import shipped_catalog
        >>> len(Fermi4FGL.get_extension("ExtendedSources", path=shipped_catalog()))
        82
        """
        return self._open(release, path=path, cache=cache).read_extension(name)

    def query_region(
        self,
        coordinates,
        radius=1 * u.deg,
        *,
        release="DR4",
        path=None,
        columns=None,
        column_filters=None,
        cache=True,
    ):
        """
        Find the sources around a position.

        Parameters
        ----------
        coordinates : str or `~astropy.coordinates.SkyCoord`
            One position; a name is resolved by Sesame.
        radius : `~astropy.units.Quantity` or str, optional
            Radius of the circle.
        release, path, columns, column_filters, cache
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
        >>> sorted(found["ASSOC1"].tolist())
        ['Crab Nebula', 'Crab Nebula', 'PSR J0534+2200']
        """
        limit, center = parse_radius(radius), parse_position(coordinates)
        catalog = self._open(release, path=path, cache=cache)
        places = catalog.read(["RAJ2000", "DEJ2000"])
        separation = center.separation(_positions(places)).deg
        found = _allowed(np.flatnonzero(separation <= limit), catalog, column_filters)
        found = found[np.argsort(separation[found], kind="stable")]
        table = catalog.read(columns, found)
        table["separation"] = Column(
            separation[found],
            unit=u.deg,
            format=".5f",
            description="Angle between the source and the position asked for",
        )
        return _warn_if_empty(table, f"within {radius} of {center.to_string('hmsdms')}")

    def query_object(
        self, name, *, release="DR4", path=None, columns=None, column_filters=None, cache=True
    ):
        """
        Find the sources that bear a name.

        Parameters
        ----------
        name : str
            A 4FGL name with or without ``4FGL``, a name in an older catalogue, of a counterpart, of an
            extended source or of a TeV source. Case and spaces do not matter.
        release, path, columns, column_filters, cache
            As for `get_catalog`.

        Returns
        -------
        `~astropy.table.Table`
            All sources that bear it; empty, with a warning that suggests names, where none does.

        Examples
        --------
        >>> from astroquery_cfx import Fermi4FGL
        >>> from astroquery_cfx.fermi import shipped_catalog
        >>> Fermi4FGL.query_object("3c 279", path=shipped_catalog())["Source_Name"].tolist()
        ['4FGL J1256.1-0547']
        """
        catalog = self._open(release, path=path, cache=cache)
        names = _names(catalog)
        found = find_name(names, name)
        what = f"of the name {name!r}{'' if len(found) else _hint(names, name)}"
        return _warn_if_empty(catalog.read(columns, _allowed(found, catalog, column_filters)), what)

    def query_class(
        self,
        *classes,
        identified=None,
        release="DR4",
        path=None,
        columns=None,
        column_filters=None,
        cache=True,
    ):
        """
        Find the sources of classes.

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
            The rows.

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
        codes = plain_strings(catalog.read(["CLASS1"])["CLASS1"])
        keep = np.isin(np.strings.lower(codes), parse_classes(classes, codes))
        if identified is not None:
            keep &= np.strings.isupper(codes) == bool(identified)
        rows = _allowed(np.flatnonzero(keep), catalog, column_filters)
        return _warn_if_empty(
            catalog.read(columns, rows), f"of class {', '.join(map(repr, classes))}"
        )

    def get_source(self, name, *, release="DR4", path=None, cache=True):
        """
        Get one source as an object.

        Parameters
        ----------
        name : str
            As for `query_object`; of names that many sources bear, the name in the catalogue comes first.
        release, path, cache
            As for `get_catalog`.

        Returns
        -------
        `~astroquery_cfx.fermi.source.FermiSource`
            With its position, error ellipse, spectrum, flux points, light curve and associations.

        Raises
        ------
        InvalidInputError
            If no source bears the name, or more than one.

        Examples
        --------
        >>> from astroquery_cfx import Fermi4FGL
        >>> from astroquery_cfx.fermi import shipped_catalog
        >>> Fermi4FGL.get_source("vela x", path=shipped_catalog())
        <FermiSource 4FGL J0834.3-4542e (DR4)>
        """
        catalog = self._open(release, path=path, cache=cache)
        names = _names(catalog)
        own = find_name(names["Source_Name",], name)
        found = own if len(own) == 1 else find_name(names, name)
        if not len(found):
            hint = _hint(names, name)
            raise InvalidInputError(
                f"{catalog.label} has no source of the name {name!r}{hint}.",
                remedy="see query_region for the sources around a position.",
            )
        if len(found) > 1:
            raise InvalidInputError(
                f"{len(found)} sources of {catalog.label} bear the name {name!r}.",
                remedy=f"name one of {', '.join(names['Source_Name'][found])}, or use query_object for all.",
            )
        return read_source(catalog, found[0])

    def clear_cache(self):
        """Remove the catalogues that were downloaded."""
        super().clear_cache()
        for file in self.cache_location.glob("gll_psc_v*.fit*"):
            file.unlink(missing_ok=True)

    def _open(self, release, *, path=None, cache=True):
        """The checked file of a release."""
        if path is not None:
            return open_catalog(path)
        return fetch_release(self._session, find_release(release), self.cache_location, cache=cache)


def _names(catalog):
    """All names that the sources bear."""
    return catalog.read([name for name in NAME_COLUMNS if name in catalog.column_names])


def _hint(names, name):
    """The nearest names, for a message."""
    near = suggest_names(names, name)
    return f"; the nearest names are {', '.join(near)}" if near else ""


def _filtered(catalog, column_filters):
    """Rows that pass the filters; None for all."""
    if not column_filters:
        return None
    if not hasattr(column_filters, "items"):
        raise InvalidInputError(
            f"column_filters is a {type(column_filters).__name__}.",
            remedy="give a dict, e.g. {'Signif_Avg': ('>', 10)}.",
        )
    return np.flatnonzero(filter_mask(catalog.read(list(column_filters)), column_filters))


def _allowed(rows, catalog, column_filters):
    """Rows that pass the filters too, in their order."""
    passed = _filtered(catalog, column_filters)
    return rows if passed is None else rows[np.isin(rows, passed)]


def _warn_if_empty(table, what):
    """The table, with a warning where it has no rows."""
    if not len(table):
        warnings.warn(
            f"{table.meta['release']} has no source {what}.", NoResultsWarning, stacklevel=3
        )
    return table


def _with_quantities(table, catalog, rows):
    """The table with Quantity columns and the positions as SkyCoord."""
    places = catalog.read(["RAJ2000", "DEJ2000"], rows)
    table = QTable(table)
    table.add_column(_positions(places), name="position", index=0)
    return table


def _positions(table):
    """Positions in double precision: separations of float32 positions would be rounded."""
    return SkyCoord(
        *(np.asarray(table[name], dtype=float) for name in ("RAJ2000", "DEJ2000")), unit="deg"
    )


Fermi4FGL = Fermi4FGLClass()
