# Licensed under a 3-clause BSD style license - see LICENSE
"""Make the part of 4FGL-DR4 that comes with the package from the published file.

python tests/fermi/make_shipped_catalog.py gll_psc_v35.fit gll_psc_v35_part.fits.gz
"""

import gzip
import hashlib
import io
import sys
from pathlib import Path

from astropy.io import fits

from astroquery_cfx import InvalidFileError
from astroquery_cfx.fermi.columns import known_column
from astroquery_cfx.fermi.releases import RELEASES
from astroquery_cfx.fermi.shipped import SHIPPED_COLUMNS
from astroquery_cfx.files import write_aside

# fmt: off
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


def make_shipped_catalog(original: str | Path, path: str | Path) -> None:
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


if __name__ == "__main__":
    make_shipped_catalog(*sys.argv[1:])
