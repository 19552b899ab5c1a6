# Licensed under a 3-clause BSD style license - see LICENSE
"""The part of 4FGL-DR4 that the package ships."""

import gzip

import numpy as np
import pytest
from astropy.io import fits
from make_shipped_catalog import make_shipped_catalog

from astroquery_cfx import Fermi4FGL, InvalidFileError
from astroquery_cfx.fermi import shipped_catalog
from astroquery_cfx.fermi.columns import names_in_group
from astroquery_cfx.fermi.shipped import SHIPPED_COLUMNS


def test_it_is_small_and_has_all_sources():
    assert shipped_catalog().stat().st_size < 1_500_000
    table = Fermi4FGL.get_catalog(path=shipped_catalog())
    assert len(table) == 7195
    assert table.meta["release"] == "DR4"
    assert [*SHIPPED_COLUMNS, *names_in_group("region")] == table.colnames
    assert all(column.description for column in table.itercols())


def test_it_gives_its_origin():
    with fits.open(shipped_catalog(), checksum=True) as hdus:
        text = str(hdus[0].header["COMMENT"])
        assert len(hdus) == 3
        assert len(hdus["ExtendedSources"].data) == 82
    assert "e3b3ea278412b7bda4c259ab558f00b7" in text
    assert "ApJS 260, 53" in text
    assert "arXiv:2307.12546" in text
    readme = shipped_catalog().with_name("README.rst").read_text()
    assert "e3b3ea278412b7bda4c259ab558f00b76605be59eb84e44086a862a179ffc3e6" in readme


def test_its_values_are_those_of_the_published_file(shared_data):
    published = shared_data / "fermi" / "gll_psc_v35.fit.gz"
    original = Fermi4FGL.get_catalog(path=published, columns=SHIPPED_COLUMNS)
    shipped = Fermi4FGL.get_catalog(path=shipped_catalog(), columns=SHIPPED_COLUMNS)
    for name in SHIPPED_COLUMNS:
        first, second = np.ma.asarray(original[name]), np.ma.asarray(shipped[name])
        assert np.array_equal(np.ma.getmaskarray(first), np.ma.getmaskarray(second)), name
        assert np.array_equal(first.compressed(), second.compressed()), name
        assert original[name].unit == shipped[name].unit, name


def test_it_is_reproduced_byte_for_byte(shared_data, tmp_path):
    make_shipped_catalog(shared_data / "fermi" / "gll_psc_v35.fit.gz", tmp_path / "part.fits.gz")
    assert gzip.decompress((tmp_path / "part.fits.gz").read_bytes()) == gzip.decompress(
        shipped_catalog().read_bytes()
    )


def test_it_is_made_only_from_the_published_file(shared_data, tmp_path):
    with pytest.raises(InvalidFileError, match="SHA-256 differs"):
        make_shipped_catalog(
            shared_data / "fermi" / "gll_psc_v27.fit.gz", tmp_path / "part.fits.gz"
        )
    assert not list(tmp_path.iterdir())
