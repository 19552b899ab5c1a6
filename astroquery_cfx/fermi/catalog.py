# Licensed under a 3-clause BSD style license - see LICENSE
"""A file of the 4FGL family -> tables with one set of names, units and descriptions."""

import hashlib
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from astroquery.exceptions import InputWarning

from ..errors import InvalidFileError, InvalidInputError
from .columns import COLUMNS, REGION_COLUMNS
from .fitsfile import has_good_checksums, read_bytes, walk_extensions
from .releases import Release, find_version
from .tables import choose_columns, column_names, read_table, region_columns

__all__ = ["CatalogFile", "open_catalog"]

_EXTENSION = "LAT_Point_Source_Catalog"
# Without these a table is not a 4FGL catalogue.
_REQUIRED = ("Source_Name", "RAJ2000", "DEJ2000", "GLON", "GLAT")
_FAMILY = ("Energy_Flux100", "Signif_Avg", "SpectrumType")
# A file that has these is whole, not a selection of columns.
_WHOLE = {"PL_Index", "Flux_Band", "CLASS1"}
_ELLIPSE = ("Conf_95_SemiMajor", "Conf_95_SemiMinor", "Conf_95_PosAng")
_OLDER_FAMILIES = ("0FGL", "1FGL", "2FGL", "3FGL", "1FHL", "2FHL", "3FHL")


@dataclass(frozen=True)
class CatalogFile:
    """
    A checked file of the 4FGL family.

    Attributes
    ----------
    name : str
        Name of the file.
    sha256 : str
        SHA-256 of its content, not gzipped.
    version : str
        From its header: ``'v35'``.
    release : `~astroquery_cfx.fermi.releases.Release` or None
        None for a version that is not known.
    extensions : list of `~astroquery_cfx.fermi.fitsfile.Extension`
        All extensions of the file.
    """

    name: str
    sha256: str
    version: str
    release: Release | None
    extensions: list

    @cached_property
    def sources(self):
        """The extension with the sources."""
        return _find_sources(self.extensions, self.name)

    @property
    def label(self):
        """The release, or what the header of an unknown one calls itself."""
        if self.release:
            return self.release.name
        return f"{self.sources.header.get('CDS-NAME', 'LAT catalogue')} {self.version}".strip()

    @cached_property
    def column_names(self):
        """Canonical names of the columns that the file itself has."""
        return column_names(self.sources.header)

    def energy_band(self, name):
        """Ends of the energy band of a column (TEMINn, TEMAXn) in MeV; None where the header has none."""
        if name not in self.column_names:
            return None
        number = self.column_names.index(name) + 1
        ends = [self.sources.header.get(f"{keyword}{number}") for keyword in ("TEMIN", "TEMAX")]
        return None if None in ends else [float(end) for end in ends]

    def extension_names(self):
        """Names of the table extensions, the sources first."""
        return [self.sources.name] + [
            extension.name
            for extension in self.extensions
            if extension.name and extension.name != self.sources.name
        ]

    def read_extension(self, name):
        """
        Read another extension: ExtendedSources, ROIs, Components, EnergyBounds, Hist_Start, GTI.

        Parameters
        ----------
        name : str
            Its name, in any case.

        Returns
        -------
        `~astropy.table.Table`

        Raises
        ------
        InvalidInputError
            If the file has no such extension.
        """
        for extension in self.extensions:
            if (
                extension.name.lower() == str(name).lower()
                and extension.header.get("XTENSION") == "BINTABLE"
            ):
                return read_table(extension, column_names(extension.header), self.name)
        raise InvalidInputError(
            f"{self.name} has no extension {name!r}.",
            remedy=f"ask for one of {', '.join(self.extension_names())}.",
        )

    def read(self, columns=None, rows=None):
        """
        Read the sources.

        Parameters
        ----------
        columns : list of str, optional
            Names of columns, as in DR4. All, if None.
        rows : array_like of int, optional
            Which rows. All, if None.

        Returns
        -------
        `~astropy.table.Table`
            With units, descriptions, masks and the origin in ``meta``.

        Raises
        ------
        InvalidInputError
            If there is no such column.
        """
        absent, regions = self._absent(), self._region_columns()
        names = choose_columns(columns, [*self.column_names, *absent, *regions], self.name)
        table = read_table(
            self.sources, [name for name in names if name not in regions], self.name, rows
        )
        if wanted := [name for name in names if name in regions]:
            self._add_regions(table, wanted, rows)
            table = table[names] if columns is not None else table
        if "Source_Name" in names and len(set(table["Source_Name"].tolist())) != len(table):
            raise InvalidFileError(
                f"{self.name} is damaged or altered: sources bear the same name.",
                remedy="download it again.",
            )
        table.meta.update(self._meta(table, absent))
        return table

    def _region_columns(self):
        """Names of the columns on the region of a source, where the file has what they are made of."""
        names = {*self.column_names, *(extension.name for extension in self.extensions)}
        made_of = {*_ELLIPSE, "Extended_Source_Name", "ExtendedSources"}
        return list(REGION_COLUMNS) if made_of <= names else []

    def _add_regions(self, table, names, rows):
        """Join what the extension ExtendedSources says of the extended sources."""
        sources = read_table(self.sources, [*_ELLIPSE, "Extended_Source_Name"], self.name, rows)
        for column in region_columns(sources, self.read_extension("ExtendedSources")):
            if column.name in names:
                table.add_column(column)

    def _absent(self):
        """Columns of DR4 that this release does not have; none for a file that is a selection."""
        names = set(self.column_names)
        if not names >= _WHOLE:
            return []
        return [name for name in COLUMNS if name not in names]

    def _meta(self, table, absent):
        header = self.sources.header
        meta = {
            "release": self.label,
            "version": self.version,
            "file": self.name,
            "sha256": self.sha256,
            "citation": self.release.citation
            if self.release
            else "as the catalogue's own page asks for",
            "title": self.release.title if self.release else self.label,
            "data_start": str(header.get("DATE-OBS", "")),
            "data_stop": str(header.get("DATE-END", "")),
        }
        renamed = {
            column.name: column.meta["original_name"]
            for column in table.itercols()
            if "original_name" in column.meta
        }
        absent = [name for name in absent if name in table.colnames]
        return (
            meta
            | ({"renamed": renamed} if renamed else {})
            | ({"absent": absent} if absent else {})
        )


def open_catalog(path, what=None):
    """
    Open and check a file of the 4FGL family.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        A FITS file, gzipped or not.
    what : str, optional
        What to call it in an error: its path, if None.

    Returns
    -------
    `CatalogFile`

    Raises
    ------
    InvalidFileError
        If the file is cut, damaged, not FITS, or another catalogue.

    Examples
    --------
    >>> from astroquery_cfx.fermi import shipped_catalog
    >>> from astroquery_cfx.fermi.catalog import open_catalog
    >>> open_catalog(shipped_catalog()).release.name
    'DR4'
    """
    what = what or str(path)
    content = read_bytes(path, what)
    extensions = walk_extensions(content, what)
    sources = _find_sources(extensions, what)
    version = str(sources.header.get("VERSION", extensions[0].header.get("VERSION", ""))).strip()
    release, sha256 = find_version(version)
    catalog = CatalogFile(
        Path(path).name, hashlib.sha256(content).hexdigest(), version, release, extensions
    )
    if catalog.sha256 != sha256:
        _check(catalog, len(content), what)
    _say_what_is_not_known(catalog)
    return catalog


def _check(catalog, size, what):
    """Check a file that is not known by its SHA-256."""
    for number, extension in enumerate(catalog.extensions):
        if not has_good_checksums(extension):
            raise InvalidFileError(
                f"{what} is damaged: the checksum of its extension "
                f"{extension.name or number} is wrong.",
                remedy="download it again.",
            )
    release = catalog.release
    if release and release.version == catalog.version and release.size == size:
        raise InvalidFileError(
            f"{what} is damaged or altered: its SHA-256 is not that of {release.file} as "
            "published.",
            remedy="download it again.",
        )


def _say_what_is_not_known(catalog):
    """Warn of a version of the file that is not the one that the release is known by."""
    if catalog.release is None:
        warnings.warn(
            f"{catalog.name} ({catalog.label}) is in no release known here: it is read by its own "
            "header and columns.",
            InputWarning,
            stacklevel=5,
        )
    elif catalog.version != catalog.release.version:
        warnings.warn(
            f"{catalog.name} ({catalog.version}) is an older file of {catalog.release.name}, now "
            f"{catalog.release.version}: it is read by its own header and columns.",
            InputWarning,
            stacklevel=5,
        )


def _find_sources(extensions, what):
    """The extension with the sources, or what the file is instead."""
    tables = [
        extension for extension in extensions if extension.header.get("XTENSION") == "BINTABLE"
    ]
    for extension in tables:
        names = set(column_names(extension.header))
        family = str(extension.header.get("CDS-NAME", "")).strip()
        if extension.name.lower() != _EXTENSION.lower() and not names >= {*_REQUIRED, *_FAMILY}:
            continue
        if family in _OLDER_FAMILIES:
            raise InvalidFileError(
                f"{what} is the catalogue {family}, not one of the 4FGL family.",
                remedy="name a file gll_psc_v22.fit or later.",
            )
        missing = [name for name in (*_REQUIRED, *_FAMILY) if name not in names]
        if missing:
            raise InvalidFileError(
                f"{what} lacks columns of a 4FGL catalogue, or they are renamed: "
                f"{', '.join(missing)}.",
                remedy="download it again.",
            )
        return extension
    found = (
        ", ".join(extension.name or "a table without a name" for extension in tables) or "no table"
    )
    raise InvalidFileError(
        f"{what} is a FITS file, but not a Fermi LAT catalogue: it holds {found}.",
        remedy="name a file gll_psc_v*.fit of the Fermi Science Support Center.",
    )
