# Licensed under a 3-clause BSD style license - see LICENSE
"""The part of 4FGL-DR4 that comes with the package.

``tests/fermi/make_shipped_catalog.py`` makes it from the published file.
"""

from pathlib import Path

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
# fmt: on


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
