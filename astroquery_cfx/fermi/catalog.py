# Licensed under a 3-clause BSD style license - see LICENSE
"""A file of the 4FGL catalogues: opened, checked, and read as tables."""

import gzip
import hashlib
import io
import re
import warnings
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astroquery.exceptions import InputWarning

from ..errors import InvalidFileError, InvalidInputError
from .columns import (
    absent_column,
    choose_columns,
    known_column,
    names_in_group,
    read_column,
    region_columns,
)
from .releases import Release, find_version

_BLOCK = 2880  # bytes; each part of a FITS file fills whole blocks (FITS standard 4.0, section 3.1)
_AGAIN = "download it again."
_SOURCES = "LAT_Point_Source_Catalog"
# A table without these columns is not a 4FGL catalogue.
_REQUIRED: tuple[str, ...] = ("Source_Name", "RAJ2000", "DEJ2000", "GLON", "GLAT")
_REQUIRED += ("Energy_Flux100", "Signif_Avg", "SpectrumType")
# A file with these is a whole catalogue, not a selection of columns.
_WHOLE = {"PL_Index", "Flux_Band", "CLASS1"}
# The columns that the region of a source is made of, with the extension ExtendedSources.
_REGION = ("Conf_95_SemiMajor", "Conf_95_SemiMinor", "Conf_95_PosAng", "Extended_Source_Name")
_OLDER_FAMILIES = ("0FGL", "1FGL", "2FGL", "3FGL", "1FHL", "2FHL", "3FHL")


@dataclass(frozen=True, eq=False)
class CatalogFile:
    """A checked file of the 4FGL catalogues."""

    name: str
    content: bytes  # not gzipped
    sha256: str  # of the content
    version: str  # in the header: v35
    release: Release | None  # None for a version that is not known
    hdus: fits.HDUList
    sources: fits.BinTableHDU

    @property
    def label(self) -> str:
        """The name of the release, or what the header of an unknown one says."""
        if self.release:
            return self.release.name
        return f"{self.sources.header.get('CDS-NAME', 'LAT catalogue')} {self.version}".strip()

    @cached_property
    def column_names(self) -> list[str]:
        """DR4 names of the columns that the file has, in its order."""
        return [known_column(name).dr4_name for name in self.sources.columns.names]

    def energy_band(self, name: str) -> list[float] | None:
        """Return the energy band (MeV) of a column: TEMINn, TEMAXn. None if the header has none."""
        if name not in self.column_names:
            return None
        number = self.column_names.index(name) + 1
        ends = [self.sources.header.get(f"{keyword}{number}") for keyword in ("TEMIN", "TEMAX")]
        return None if None in ends else [float(end) for end in ends]

    def extension_names(self) -> list[str]:
        """Return the names of the extensions, the sources first."""
        names = [_extension_name(hdu) for hdu in (self.sources, *self.hdus)]
        return list(dict.fromkeys(name for name in names if name))

    def read_extension(self, name: str) -> Table:
        """Read all columns of an extension by its name, in any case."""
        if str(name) in self.hdus and isinstance(self.hdus[str(name)], fits.BinTableHDU):
            with _as_invalid_file(self.name):
                return self._read_table(self.hdus[str(name)])
        raise InvalidInputError(
            f"{self.name} has no extension {name!r}.",
            remedy=f"ask for one of {', '.join(self.extension_names())}.",
        )

    def read(self, columns=None, rows=None) -> Table:
        """Read columns (see `choose_columns`) and rows (array of int) of the sources; None is all.

        ``meta`` says which release it is, which columns have other names in the file (renamed), and
        which are not in it (absent) and therefore masked.
        """
        in_file = set(self.column_names)
        absent, regions = [], []
        if in_file >= _WHOLE:  # a selection of columns that somebody saved lacks nothing
            absent = [name for name in names_in_group("DR4") if name not in in_file]
        if in_file.issuperset(_REGION) and "ExtendedSources" in self.hdus:
            regions = names_in_group("region")
        names = choose_columns(columns, [*self.column_names, *absent, *regions], self.name)
        header, release = self.sources.header, self.release
        with _as_invalid_file(self.name):
            dates = [str(header.get(f"DATE-{end}", "")) for end in ("OBS", "END")]
            table = self._read_table(self.sources, [n for n in names if n not in regions], rows)
            if any(name in regions for name in names):
                ellipses = self._read_table(self.sources, _REGION, rows)
                made = region_columns(ellipses, self._read_table(self.hdus["ExtendedSources"]))
                table.add_columns([column for column in made if column.name in names])
                table = table if columns is None else table[names]
        if "Source_Name" in names and len(set(table["Source_Name"].tolist())) != len(table):
            raise InvalidFileError(
                f"{self.name} is damaged or altered: sources have the same name.", remedy=_AGAIN
            )
        table.meta.update(
            release=self.label,
            version=self.version,
            file=self.name,
            sha256=self.sha256,
            citation=release.citation if release else "as the catalogue's own page asks for",
            title=release.title if release else self.label,
            data_start=dates[0],
            data_stop=dates[1],
        )
        renamed = {
            column.name: column.meta["original_name"]
            for column in table.itercols()
            if "original_name" in column.meta
        }
        absent = [name for name in absent if name in names]
        table.meta |= {"renamed": renamed} if renamed else {}
        table.meta |= {"absent": absent} if absent else {}
        return table

    def _read_table(self, hdu, names=None, rows=None) -> Table:
        """Read columns by their DR4 names; those that are not in the file are `absent_column`."""
        for column in hdu.columns:
            scaled = (column.bscale or 1) != 1 or column.bzero
            if not column.name or scaled or not re.fullmatch(r"\d*[ABIJKED]", column.format):
                raise InvalidFileError(
                    f"The column {column.name!r} of {self.name} has no name, has the format "
                    f"{column.format!r} or is scaled: the 4FGL catalogues have none of these.",
                    remedy=_AGAIN,
                )
        dtype, size = hdu.columns.dtype.newbyteorder(">"), hdu.header["NAXIS1"]
        if dtype.itemsize != size:
            raise InvalidFileError(
                f"{self.name} is damaged: the rows of a table have {size} bytes, its columns "
                f"{dtype.itemsize}.",
                remedy=_AGAIN,
            )
        # Several times faster than hdu.data, which prepares all columns.
        start = hdu.fileinfo()["datLoc"]
        records = np.frombuffer(self.content, dtype, hdu.header["NAXIS2"], start)
        records = records if rows is None else records[rows]
        originals = {known_column(name).dr4_name: name for name in hdu.columns.names}
        return Table(
            [
                read_column(hdu, records, originals[name])
                if name in originals
                else absent_column(records, name)
                for name in (originals if names is None else names)
            ],
            copy=False,
        )


def open_catalog(path: str | PathLike, label: str | None = None) -> CatalogFile:
    """Open and check a FITS file of the 4FGL catalogues, gzipped or not.

    ``label`` is what an error calls the file, by default its path. A file that is cut, damaged, not
    FITS or another catalogue is an `InvalidFileError`; a version that is not the latest of a known
    release gives a warning.
    """
    label = label or str(path)
    content = _read_fits(path, label)
    sha256 = hashlib.sha256(content).hexdigest()
    with _as_invalid_file(label):
        hdus = fits.open(io.BytesIO(content))
        sources = _find_sources(hdus, label)
        version = str(sources.header.get("VERSION", hdus[0].header.get("VERSION", ""))).strip()
        release, published = find_version(version)
        if sha256 != published:
            _check_structure(hdus, len(content), label)
            if release and version == release.version and len(content) == release.size:
                raise InvalidFileError(
                    f"{label} is damaged or altered: its SHA-256 is not that of {release.file} as "
                    "published.",
                    remedy=_AGAIN,
                )
    catalog = CatalogFile(Path(path).name, content, sha256, version, release, hdus, sources)
    if release is None or version != release.version:
        status = f"({catalog.label}) is in no release known here"
        if release:
            status = f"({version}) is an older file of {release.name}, now {release.version}"
        warnings.warn(
            f"{catalog.name} {status}: it is read by its own header and columns.",
            InputWarning,
            stacklevel=4,
        )
    return catalog


@contextmanager
def _as_invalid_file(label):
    """Turn what astropy or numpy raise for a damaged file into an error that names the file."""
    try:
        yield
    except (AttributeError, KeyError, OSError, TypeError, ValueError, fits.VerifyError) as error:
        raise InvalidFileError(f"{label} is cut or damaged ({error}).", remedy=_AGAIN) from error


def _read_fits(path, label) -> bytes:
    """Return the content of a FITS file, unpacked; or say what it is instead."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InvalidFileError(
            f"{label} cannot be read: {error.strerror or error}.",
            remedy="name an existing FITS file, gzipped or not.",
        ) from error
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise InvalidFileError(
                f"{label} is cut or damaged: it does not unpack ({error}).", remedy=_AGAIN
            ) from error
    if content[:9] != b"SIMPLE  =":
        start = content[:512].lstrip().lower()
        if not content:
            kind = "is empty"
        elif start.startswith(b"<!doctype html") or b"<html" in start:
            kind = "is a web page (HTML), not a FITS file"
        elif start.startswith(b"<"):
            kind = "is XML or HTML, not a FITS file"
        else:
            kind = f"is not a FITS file: it begins with {content[:16]!r}"
        raise InvalidFileError(
            f"{label} {kind}.", remedy="name the FITS file of the catalogue, or download it again."
        )
    if len(content) % _BLOCK:
        raise InvalidFileError(
            f"{label} is cut: its {len(content):,} bytes are not whole FITS blocks of {_BLOCK:,}.",
            remedy=_AGAIN,
        )
    return content


def _check_structure(hdus: fits.HDUList, size: int, label: str) -> None:
    """Check a file that is not known by its SHA-256: its length, and the checksums that it has."""
    last = hdus[-1].fileinfo()
    end = last["datLoc"] + last["datSpan"]
    if end != size:  # astropy stops before the end at a header that it does not understand
        raise InvalidFileError(
            f"{label} is {'cut' if end > size else 'damaged'}: it has {size:,} bytes, and its "
            f"extensions take {end:,}.",
            remedy=_AGAIN,
        )
    for number, hdu in enumerate(hdus):
        name = _extension_name(hdu) or number
        if "DATASUM" in hdu.header and not (hdu.verify_datasum() and hdu.verify_checksum()):
            raise InvalidFileError(
                f"{label} is damaged: the checksum of its extension {name} is wrong.", remedy=_AGAIN
            )


def _find_sources(hdus: fits.HDUList, label: str) -> fits.BinTableHDU:
    """Return the extension with the sources; or say what the file is instead."""
    tables = []
    for hdu in hdus:
        if not isinstance(hdu, fits.BinTableHDU):
            continue
        tables.append(_extension_name(hdu) or "a table without a name")
        names = {known_column(name).dr4_name for name in hdu.columns.names}
        if tables[-1].lower() != _SOURCES.lower() and not names.issuperset(_REQUIRED):
            continue
        family = str(hdu.header.get("CDS-NAME", "")).strip()
        if family in _OLDER_FAMILIES:
            raise InvalidFileError(
                f"{label} is the catalogue {family}, not one of the 4FGL family.",
                remedy="name a file gll_psc_v22.fit or later.",
            )
        missing = [name for name in _REQUIRED if name not in names]
        if missing:
            raise InvalidFileError(
                f"{label} lacks columns of a 4FGL catalogue, or they are renamed: "
                f"{', '.join(missing)}.",
                remedy=_AGAIN,
            )
        return hdu
    raise InvalidFileError(
        f"{label} is a FITS file, but not a Fermi LAT catalogue: it holds "
        f"{', '.join(tables) or 'no table'}.",
        remedy="name a file gll_psc_v*.fit of the Fermi Science Support Center.",
    )


def _extension_name(hdu) -> str:
    """Return EXTNAME as it is written: astropy has ``name`` in capitals."""
    return str(hdu.header.get("EXTNAME", "")).strip()
