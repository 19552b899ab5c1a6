# Licensed under a 3-clause BSD style license - see LICENSE
"""crossmatch_tables and group_matches on real catalogues and on small tables by hand."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from astroquery_cfx.crossmatch import crossmatch_tables, group_matches
from astroquery_cfx.errors import InvalidInputError


@pytest.fixture(scope="module")
def chandra(shared_data):
    return Table.read(shared_data / "csc_real_sample.fits")


@pytest.fixture(scope="module")
def fermi(shared_data):
    table = Table.read(shared_data / "fermi" / "gll_psc_v35.fit.gz", hdu=1)
    return table["Source_Name", "GLON", "GLAT", "Conf_95_SemiMajor"]


@pytest.mark.parametrize(("selection", "num_pairs", "num_sources"), [
    ("all sky", 1153, 194), ("plane", 660, 83), ("plane with flux", 566, 75)])
def test_real_catalogues(chandra, fermi, selection, num_pairs, num_sources):
    latitude = SkyCoord(chandra["ra"], chandra["dec"]).galactic.b
    keep = np.ones(len(chandra), dtype=bool) if selection == "all sky" else np.abs(latitude) <= 10 * u.deg
    if selection == "plane with flux":
        keep &= np.ma.filled(chandra["b_flux_ap"], 0) > 0
    pairs = crossmatch_tables(chandra[keep], fermi, 0.1 * u.deg, left_coordinates=("ra", "dec"))
    groups = group_matches(pairs, by="Source_Name")
    assert len(pairs) == num_pairs
    assert len(groups) == num_sources
    assert groups["num_matches"].sum() == num_pairs
    assert [len(names) for names in groups["name"]] == list(groups["num_matches"])


def test_bare_radius_is_refused(chandra, fermi):
    with pytest.raises(InvalidInputError, match="give it a unit"):
        crossmatch_tables(chandra, fermi, 0.1)
