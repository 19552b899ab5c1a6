# Licensed under a 3-clause BSD style license - see LICENSE
"""A file of the 4FGL family -> tables with one set of names, units and descriptions."""

import hashlib
import re
import warnings
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Column, MaskedColumn, Table
from astroquery.exceptions import InputWarning

from ..errors import InvalidFileError, InvalidInputError
from .columns import COLUMNS, RENAMED, column_description
from .fitsfile import has_good_checksums, read_bytes, table_dtype, walk_extensions
from .releases import Release, find_version

__all__ = ["CatalogFile", "open_catalog"]

_EXTENSION = "LAT_Point_Source_Catalog"
# Without these a table is not a 4FGL catalogue.
_REQUIRED = ("Source_Name", "RAJ2000", "DEJ2000", "GLON", "GLAT")
_FAMILY = ("Energy_Flux100", "Signif_Avg", "SpectrumType")
# A file that has these is whole, not a selection of columns.
_WHOLE = {"PL_Index", "Flux_Band", "CLASS1"}
_OLDER_FAMILIES = ("0FGL", "1FGL", "2FGL", "3FGL", "1FHL", "2FHL", "3FHL")
_DISPLAY = re.compile(r"([EF])\d+\.(\d+)$")


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

    @property
    def sources(self):
        """The extension with the sources."""
        return _find_sources(self.extensions, self.name)

    @property
    def label(self):
        """The release, or what the header of an unknown one calls itself."""
        if self.release:
            return self.release.name
        return f"{self.sources.header.get('CDS-NAME', 'LAT catalogue')} {self.version}".strip()

    @property
    def column_names(self):
        """Canonical names of the columns that the file itself has."""
        return [RENAMED.get(name, name) for name in _file_names(self.sources.header)]

    def extension_names(self):
        """Names of the table extensions, the sources first."""
        return [self.sources.name] + [extension.name for extension in self.extensions
                                      if extension.name and extension.name != self.sources.name]

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
            if extension.name.lower() == str(name).lower() and extension.header.get("XTENSION") == "BINTABLE":
                return _read_table(extension, None, self.name)
        raise InvalidInputError(f"{self.name} has no extension {name!r}.",
                                remedy=f"ask for one of {', '.join(self.extension_names())}.")

    def read(self, columns=None):
        """
        Read the sources.

        Parameters
        ----------
        columns : list of str, optional
            Names of columns, as in DR4. All, if None.

        Returns
        -------
        `~astropy.table.Table`
            With units, descriptions, masks and the origin in ``meta``.

        Raises
        ------
        InvalidInputError
            If there is no such column.
        """
        table = _read_table(self.sources, columns, self.name, self._absent())
        table.meta.update(self._meta(table))
        return table

    def _absent(self):
        """Columns of DR4 that this release does not have; none for a file that is a selection."""
        names = set(self.column_names)
        if not names >= _WHOLE:
            return []
        return [name for name in COLUMNS if name not in names]

    def _meta(self, table):
        header = self.sources.header
        meta = {"release": self.label, "version": self.version, "file": self.name, "sha256": self.sha256,
                "citation": self.release.citation if self.release else "as the catalogue's own page asks for",
                "title": self.release.title if self.release else self.label,
                "data_start": str(header.get("DATE-OBS", "")), "data_stop": str(header.get("DATE-END", ""))}
        renamed = {column.name: column.meta["original_name"] for column in table.itercols()
                   if "original_name" in column.meta}
        absent = [name for name in self._absent() if name in table.colnames]
        return meta | ({"renamed": renamed} if renamed else {}) | ({"absent": absent} if absent else {})


def open_catalog(path):
    """
    Open and check a file of the 4FGL family.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        A FITS file, gzipped or not.

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
    name = Path(path).name
    content = read_bytes(path, str(path))
    extensions = walk_extensions(content, str(path))
    sources = _find_sources(extensions, str(path))
    version = str(sources.header.get("VERSION", extensions[0].header.get("VERSION", ""))).strip()
    release, sha256 = find_version(version)
    catalog = CatalogFile(name, hashlib.sha256(content).hexdigest(), version, release, extensions)
    if catalog.sha256 != sha256:
        _check(catalog, len(content), str(path))
    _say_what_is_not_known(catalog)
    return catalog


def _check(catalog, size, what):
    """Check a file that is not known by its SHA-256."""
    for number, extension in enumerate(catalog.extensions):
        if not has_good_checksums(extension):
            raise InvalidFileError(f"{what} is damaged: the checksum of its extension "
                                   f"{extension.name or number} is wrong.", remedy="download it again.")
    release = catalog.release
    if release and release.version == catalog.version and release.size == size:
        raise InvalidFileError(f"{what} is damaged or altered: its SHA-256 is not that of {release.file} as "
                               "published.", remedy="download it again.")


def _say_what_is_not_known(catalog):
    """Warn of a version of the file that is not the one that the release is known by."""
    if catalog.release is None:
        warnings.warn(f"{catalog.name} ({catalog.label}) is in no release known here: it is read by its own "
                      "header and columns.", InputWarning, stacklevel=5)
    elif catalog.version != catalog.release.version:
        warnings.warn(f"{catalog.name} ({catalog.version}) is an older file of {catalog.release.name}, now "
                      f"{catalog.release.version}: it is read by its own header and columns.",
                      InputWarning, stacklevel=5)


def _find_sources(extensions, what):
    """The extension with the sources, or what the file is instead."""
    tables = [extension for extension in extensions if extension.header.get("XTENSION") == "BINTABLE"]
    for extension in tables:
        names = {RENAMED.get(name, name) for name in _file_names(extension.header)}
        family = str(extension.header.get("CDS-NAME", "")).strip()
        if extension.name.lower() != _EXTENSION.lower() and not names >= {*_REQUIRED, *_FAMILY}:
            continue
        if family in _OLDER_FAMILIES:
            raise InvalidFileError(f"{what} is the catalogue {family}, not one of the 4FGL family.",
                                   remedy="name a file gll_psc_v22.fit or later.")
        missing = [name for name in (*_REQUIRED, *_FAMILY) if name not in names]
        if missing:
            raise InvalidFileError(f"{what} lacks columns of a 4FGL catalogue, or they are renamed: "
                                   f"{', '.join(missing)}.", remedy="download it again.")
        return extension
    found = ", ".join(extension.name or "a table without a name" for extension in tables) or "no table"
    raise InvalidFileError(f"{what} is a FITS file, but not a Fermi LAT catalogue: it holds {found}.",
                           remedy="name a file gll_psc_v*.fit of the Fermi Science Support Center.")


def _file_names(header):
    return [str(header[f"TTYPE{i}"]).strip() for i in range(1, header.get("TFIELDS", 0) + 1)
            if f"TTYPE{i}" in header]


def _read_table(extension, columns, what, absent=()):
    """Table of an extension, with canonical names."""
    header = extension.header
    dtype = table_dtype(header)
    try:
        rows = np.frombuffer(extension.data_bytes, dtype, count=header["NAXIS2"])
    except ValueError as error:
        raise InvalidFileError(f"{what} is damaged: its table does not hold its {header['NAXIS2']} rows.",
                               remedy="download it again.") from error
    numbers = {RENAMED.get(name, name): i for i, name in enumerate(dtype.names, 1)}
    names = _wanted(columns, [*numbers, *absent], what)
    return Table([_column(name, rows, header, numbers[name]) if name in numbers
                  else _absent_column(name, rows) for name in names], copy=False)


def _wanted(columns, known, what):
    """Names of the columns to read, in the order asked for."""
    if columns is None:
        order = {name: place for place, name in enumerate(COLUMNS)}
        return sorted(known, key=lambda name: order.get(name, len(order)))
    names = [name.strip() for name in columns.split(",")] if isinstance(columns, str) else list(columns)
    names = list(dict.fromkeys(RENAMED.get(name, name) for name in names))
    for name in names:
        if name not in known:
            near = get_close_matches(str(name), known, n=3, cutoff=0.5)
            raise InvalidInputError(f"{what} has no column {name!r}.",
                                    remedy=f"did you mean {', '.join(near)}?" if near else
                                    "see the colnames of the whole table.")
    return names


def _column(name, rows, header, number):
    """One column: native byte order, unit, description, UCD, mask."""
    original = rows.dtype.names[number - 1]
    data, mask = _plain(rows[original], header.get(f"TNULL{number}"))
    kind = MaskedColumn if mask.any() else Column
    column = kind(data, name=name, unit=_unit(header.get(f"TUNIT{number}")),
                  description=column_description(original), format=_format(header.get(f"TDISP{number}")),
                  copy=False, **({"mask": mask} if kind is MaskedColumn else {}))
    if ucd := str(header.get(f"TUCD{number}", "")).strip():
        column.meta["ucd"] = ucd
    if original != name:
        column.meta["original_name"] = original
    return column


def _plain(field, null):
    """Native array and mask of a field of the file."""
    if field.dtype.kind == "S":
        text = np.strings.strip(field)
        return _decode(text), text == b""
    data = field.astype(field.dtype.newbyteorder("="))
    if data.dtype.kind == "f":
        return data, ~np.isfinite(data)
    return data, data == null if null is not None else np.zeros(data.shape, bool)


def _decode(text):
    try:
        return text.astype(str)
    except UnicodeDecodeError:  # not ASCII, against the FITS standard
        return np.char.decode(text, "latin-1")


def _unit(text):
    """Unit of a column; one that astropy does not know keeps its name."""
    text = str(text or "").strip()
    return u.Unit(text, parse_strict="silent") if text else None


def _format(display):
    match = _DISPLAY.match(str(display or "").strip())
    return f".{match[2]}{match[1].lower()}" if match else None


def _absent_column(name, rows):
    """A column of other releases: all masked, but for what is known all the same."""
    if name == "DataRelease" and not rows["Source_Name"][:1].astype(str)[0].startswith("FL16Y"):
        return Column(np.ones(len(rows), np.int16), name=name, description=column_description(name))
    unit = COLUMNS[name][0]
    kind = "U18" if name.startswith("ASSOC") else np.int16 if name == "DataRelease" else np.float32
    data = np.zeros(len(rows), kind)
    mask = np.ones(len(rows), bool)
    if name == "ASSOC_4FGL" and "ASSOC_FGL" in rows.dtype.names:
        earlier = np.strings.strip(rows["ASSOC_FGL"])
        mask = ~np.strings.startswith(earlier, b"4FGL ")
        data = np.where(mask, "", earlier.astype(str))
    return MaskedColumn(data, name=name, mask=mask, unit=_unit(unit), description=column_description(name))
