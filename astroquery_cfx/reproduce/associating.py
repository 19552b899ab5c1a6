# Licensed under a 3-clause BSD style license - see LICENSE
"""The associations of the job, on the whole sky, and how far they can be trusted."""

import numpy as np
from astropy.table import Table

from ..association import associate_tables, calibrate_association
from ..errors import InvalidInputError

__all__ = ["associations_tables"]

_LEFT = ("name", "ra", "dec", "error_ellipse_r0", "b_flux_ap")
_RIGHT = ("Source_Name", "RAJ2000", "DEJ2000", "CLASS1", "ASSOC1")
_ELLIPSE = ("Conf_95_SemiMajor", "Conf_95_SemiMinor", "Conf_95_PosAng")
_TEACHING = (
    "RA_Counterpart",
    "DEC_Counterpart",
    "Region_SemiMajor",
    "Region_SemiMinor",
    "Region_PosAng",
    "Region_Kind",
)
_RENAMED = {
    "name": "csc_name",
    "ra": "csc_ra",
    "dec": "csc_dec",
    "b_flux_ap": "csc_flux",
    "Source_Name": "fermi_name",
    "CLASS1": "fermi_class",
    "ASSOC1": "fermi_association",
    "RAJ2000": "fermi_ra",
    "DEJ2000": "fermi_dec",
}
_LEAST = 0.001  # of p_i, below which only the best candidate of a source is told


def associations_tables(sources, observations, fermi):
    """
    Candidates for the counterpart of each Fermi source on the whole sky, and their calibration.

    Parameters
    ----------
    sources, observations : `~astropy.table.Table`
        The whole Chandra tables; the observations tell where it looked.
    fermi : `~astropy.table.Table`
        4FGL.

    Returns
    -------
    associations : `~astropy.table.Table`
        Of `~astroquery_cfx.associate_tables`, the candidates with a p_i of 0.001 or more and the best of
        each Fermi source.
    calibration : `~astropy.table.Table`
        Of `~astroquery_cfx.calibrate_association`, by p_i; empty where no region lies in observed fields.
    """
    if not set(_RIGHT[:3] + _ELLIPSE) <= set(fermi.colnames):
        return Table(), Table()
    left = sources[[name for name in _LEFT if name in sources.colnames]]
    right = fermi[[name for name in (*_RIGHT, *_ELLIPSE, *_TEACHING) if name in fermi.colnames]]
    options = {
        "left_coordinates": ("ra", "dec"),
        "right_coordinates": ("RAJ2000", "DEJ2000"),
        "fields": Table(observations["ra", "dec"]),
        "flux": "b_flux_ap",
    }
    associations = Table(associate_tables(left, right, **options))
    if not len(associations):
        return Table(), Table()
    try:
        calibration = Table(
            calibrate_association(left, right, shifts=(2.0, 3.0), angles=4, **options)
        )
    except InvalidInputError:  # no place to shift to
        calibration = Table()
    return _told(associations), calibration


def _told(associations):
    keep = (np.asarray(associations["p_i"]) >= _LEAST) | (np.asarray(associations["rank"]) == 1)
    table = associations[keep]
    table.remove_columns([name for name in (*_ELLIPSE, *_TEACHING) if name in table.colnames])
    for name, new in _RENAMED.items():
        if name in table.colnames:
            table.rename_column(name, new)
    table.meta["association"] = {**associations.meta["association"], "least_p_i": _LEAST}
    return table
