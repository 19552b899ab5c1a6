# Licensed under a 3-clause BSD style license - see LICENSE
"""The part of 4FGL-DR4 that the package ships, and how it is made from the published file."""

import gzip
import hashlib
import io
from pathlib import Path

from ..errors import InvalidFileError
from ..files import write_aside
from .columns import SHIPPED_COLUMNS, column_description

__all__ = ["make_shipped_catalog", "shipped_catalog"]

_ORIGINAL = "gll_psc_v35.fit"
_ORIGINAL_SHA256 = "e3b3ea278412b7bda4c259ab558f00b76605be59eb84e44086a862a179ffc3e6"
_KEYWORDS = (
    "EXTNAME",
    "CDS-NAME",
    "VERSION",
    "DATE",
    "DATE-OBS",
    "DATE-END",
    "ORIGIN",
    "CREATOR",
    "EQUINOX",
    "RADECSYS",
)
_COMMENTS = (
    f"A part of 4FGL-DR4: all rows of {_ORIGINAL}, {len(SHIPPED_COLUMNS)} of its columns, and",
    "its extension ExtendedSources. Values are unchanged, byte for byte.",
    "Origin: Fermi Science Support Center,",
    "https://fermi.gsfc.nasa.gov/ssc/data/access/lat/14yr_catalog/gll_psc_v35.fit",
    f"SHA-256 of the original: {_ORIGINAL_SHA256[:32]}",
    f"                         {_ORIGINAL_SHA256[32:]}",
    "Please cite Abdollahi et al. 2022, ApJS 260, 53 and Ballet et al. 2023,",
    "arXiv:2307.12546.",
)


def shipped_catalog():
    """
    Path of the part of 4FGL-DR4 that comes with the package.

    Returns
    -------
    `~pathlib.Path`
        A gzipped FITS file with all 7,195 rows and the columns that the cross-match and its figures use.

    Examples
    --------
    >>> from astroquery_cfx import Fermi4FGL
    >>> from astroquery_cfx.fermi import shipped_catalog
    >>> len(Fermi4FGL.get_catalog(path=shipped_catalog()))
    7195
    """
    return Path(__file__).with_name("data") / "gll_psc_v35_part.fits.gz"


def make_shipped_catalog(original, path):
    """
    Make the shipped part of 4FGL-DR4 from the file that the Fermi Science Support Center publishes.

    Parameters
    ----------
    original : str or `~pathlib.Path`
        ``gll_psc_v35.fit``, gzipped or not.
    path : str or `~pathlib.Path`
        The gzipped FITS file to write; the FITS file in it is the same, byte for byte, each time.

    Raises
    ------
    InvalidFileError
        If ``original`` is not that file, by its SHA-256.
    """
    content = Path(original).read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    if hashlib.sha256(content).hexdigest() != _ORIGINAL_SHA256:
        raise InvalidFileError(
            f"{original} is not {_ORIGINAL} as published: its SHA-256 differs.",
            remedy="download it again from the Fermi Science Support Center.",
        )
    with (
        write_aside(path) as aside,
        open(aside, "wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=raw, mtime=0) as packed,
    ):
        packed.write(_part(content))


def _part(content):
    """Bytes of the FITS file with the shipped columns."""
    from astropy.io import fits

    with fits.open(io.BytesIO(content)) as original:
        sources = fits.BinTableHDU.from_columns(
            fits.ColDefs([original[1].columns[name] for name in SHIPPED_COLUMNS])
        )
        _copy_keywords(original[1].header, sources.header)
        primary = fits.PrimaryHDU()
        for name in ("FILENAME", "VERSION"):
            primary.header[name] = original[0].header[name]
        for comment in _COMMENTS:
            primary.header.add_comment(comment)
        plain = _written(fits.HDUList([primary, sources, original["ExtendedSources"]]))
    with fits.open(io.BytesIO(plain)) as part:
        for hdu in part:  # checksums are right only of headers as they were written
            hdu.add_checksum(when="of a part of the published file")
        return _written(part)


def _written(hdus):
    """Bytes of a list of FITS extensions."""
    buffer = io.BytesIO()
    hdus.writeto(buffer)
    return buffer.getvalue()


def _copy_keywords(source, target):
    """Take what the published header says of the catalogue, and the UCDs; add the descriptions."""
    for name in _KEYWORDS:
        target[name] = (source[name], source.comments[name])
    numbers = {source[f"TTYPE{i}"]: i for i in range(1, source["TFIELDS"] + 1)}
    for i, name in enumerate(SHIPPED_COLUMNS, 1):
        ucd = source.get(f"TUCD{numbers[name]}")
        if ucd:
            target[f"TUCD{i}"] = ucd
        target[f"TCOMM{i}"] = column_description(name)
