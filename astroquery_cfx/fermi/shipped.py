# Licensed under a 3-clause BSD style license - see LICENSE
"""The part of 4FGL-DR4 that the package ships, and how it is made from the published file."""

import gzip
import hashlib
import io
from os import PathLike
from pathlib import Path

from astropy.io import fits

from ..errors import InvalidFileError
from ..files import write_aside
from .columns import known_column
from .releases import RELEASES

# fmt: off
# What the job, the examples and the simulated sky use.
SHIPPED_COLUMNS = (
    "Source_Name", "DataRelease", "RAJ2000", "DEJ2000", "GLON", "GLAT",
    "Conf_68_SemiMajor", "Conf_68_SemiMinor", "Conf_68_PosAng",
    "Conf_95_SemiMajor", "Conf_95_SemiMinor", "Conf_95_PosAng", "Extended_Source_Name",
    "Signif_Avg", "Pivot_Energy",
    "Flux1000", "Unc_Flux1000", "Energy_Flux100", "Unc_Energy_Flux100",
    "SpectrumType", "Variability_Index", "CLASS1", "CLASS2", "ASSOC1", "ASSOC2", "ASSOC_PROB_BAY",
    "RA_Counterpart", "DEC_Counterpart", "Unc_Counterpart", "Flags",
)
# What the header of the published table says of the catalogue.
_KEYWORDS = (
    "EXTNAME", "CDS-NAME", "VERSION", "DATE", "DATE-OBS", "DATE-END",
    "ORIGIN", "CREATOR", "EQUINOX", "RADECSYS",
)
# fmt: on
_ORIGINAL = RELEASES["DR4"]
_COMMENTS = (
    f"A part of 4FGL-DR4: all rows of {_ORIGINAL.file}, {len(SHIPPED_COLUMNS)} of its columns, and",
    "its extension ExtendedSources. Values are unchanged, byte for byte.",
    "Origin: Fermi Science Support Center,",
    "https://fermi.gsfc.nasa.gov/ssc/data/access/lat/14yr_catalog/gll_psc_v35.fit",
    f"SHA-256 of the original: {str(_ORIGINAL.sha256)[:32]}",
    f"                         {str(_ORIGINAL.sha256)[32:]}",
    "Please cite Abdollahi et al. 2022, ApJS 260, 53 and Ballet et al. 2023,",
    "arXiv:2307.12546.",
)


def shipped_catalog() -> Path:
    """
    Return the path of the part of 4FGL-DR4 that comes with the package.

    Returns
    -------
    `~pathlib.Path`
        A gzipped FITS file with all 7,195 rows, and the 30 columns that the cross-match and its
        figures use.

    Examples
    --------
    >>> from astroquery_cfx import Fermi4FGL
    >>> from astroquery_cfx.fermi import shipped_catalog
    >>> len(Fermi4FGL.get_catalog(path=shipped_catalog()))
    7195
    """
    return Path(__file__).with_name("data") / "gll_psc_v35_part.fits.gz"


def make_shipped_catalog(original: str | PathLike, path: str | PathLike) -> None:
    """Write the shipped part of the published gll_psc_v35.fit, gzipped or not.

    The FITS file inside the gzipped one comes out the same, byte for byte, each time.
    """
    content = Path(original).read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    if hashlib.sha256(content).hexdigest() != _ORIGINAL.sha256:
        raise InvalidFileError(
            f"{original} is not {_ORIGINAL.file} as published: its SHA-256 differs.",
            remedy="download it again from the Fermi Science Support Center.",
        )
    plain, checked = io.BytesIO(), io.BytesIO()
    with fits.open(io.BytesIO(content)) as hdus:
        primary = fits.PrimaryHDU()
        for name in ("FILENAME", "VERSION"):
            primary.header[name] = hdus[0].header[name]
        for comment in _COMMENTS:
            primary.header.add_comment(comment)
        published = hdus[1].header
        columns = fits.ColDefs([hdus[1].columns[name] for name in SHIPPED_COLUMNS])
        sources = fits.BinTableHDU.from_columns(columns)
        for name in _KEYWORDS:
            sources.header[name] = (published[name], published.comments[name])
        for number, name in enumerate(SHIPPED_COLUMNS, 1):
            ucd = published.get(f"TUCD{hdus[1].columns.names.index(name) + 1}")
            if ucd:
                sources.header[f"TUCD{number}"] = ucd
            sources.header[f"TCOMM{number}"] = known_column(name).description
        fits.HDUList([primary, sources, hdus["ExtendedSources"]]).writeto(plain)
    plain.seek(0)
    with fits.open(plain) as hdus:
        for hdu in hdus:  # astropy computes right checksums only of headers as they were written
            hdu.add_checksum(when="of a part of the published file")
        hdus.writeto(checked)
    with (
        write_aside(path) as aside,
        open(aside, "wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=raw, mtime=0) as packed,
    ):
        packed.write(checked.getvalue())
