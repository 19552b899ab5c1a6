# Licensed under a 3-clause BSD style license - see LICENSE
"""What the columns of the simulated tables are: types, units, UCDs and descriptions, as at HEASARC."""

import numpy as np
from astropy.table import Column, MaskedColumn, Table

__all__ = ["CHANMASTER_COLUMNS", "CSC_COLUMNS", "described_table"]

_FLUX = "Net Energy Flux from Source Region Aperture"
_ERROR_UCD = "stat.error;phot.flux;src.net;stat.{};em.X-ray"


def _flux_columns(letter, band):
    limit = _FLUX + " (68% {} Limit); ACIS " + band
    return [
        (
            f"{letter}_flux_ap",
            "f8",
            "erg / (s cm2)",
            "phot.flux;src.net;em.X-ray",
            f"{_FLUX}, Bayesian Analysis; ACIS {band}",
        ),
        (
            f"{letter}_flux_ap_lo",
            "f4",
            "erg / (s cm2)",
            _ERROR_UCD.format("min"),
            limit.format("Lower"),
        ),
        (
            f"{letter}_flux_ap_hi",
            "f4",
            "erg / (s cm2)",
            _ERROR_UCD.format("max"),
            limit.format("Upper"),
        ),
    ]


# name, dtype ("U" for strings), unit, UCD, description
CSC_COLUMNS = [
    ("name", "U", None, "meta.id;meta.main", "Source Designation (2CXO JHHMMSS.SsDDMMSS[X])"),
    ("ra", "f8", "deg", "pos.eq.ra;meta.main", "Right Ascension"),
    ("dec", "f8", "deg", "pos.eq.dec;meta.main", "Declination"),
    ("lii", "f8", "deg", "pos.galactic.lon", "Galactic Longitude"),
    ("bii", "f8", "deg", "pos.galactic.lat", "Galactic Latitude"),
    (
        "error_ellipse_r0",
        "f8",
        "arcsec",
        "phys.angSize.smajAxis;pos.errorEllipse",
        "Major Radius of the 95% Confidence Level Position Error Ellipse",
    ),
    (
        "error_ellipse_r1",
        "f8",
        "arcsec",
        "phys.angSize.sminAxis;pos.errorEllipse",
        "Minor Radius of the 95% Confidence Level Position Error Ellipse",
    ),
    (
        "error_ellipse_angle",
        "f8",
        "deg",
        "pos.posAng;pos.errorEllipse",
        "Position Angle of the Major Axis of the 95% Confidence Level Error Ellipse",
    ),
    (
        "significance",
        "f8",
        None,
        "stat.snr",
        "Highest Source Signal-to-Noise Ratio Across All Stacked Obs. and Energy Bands",
    ),
    *_flux_columns("b", "Broad Band"),
    *_flux_columns("m", "Medium Band"),
    ("hardness_ratio_hs", "f8", None, "phot.color;em.X-ray", "ACIS Hard - Soft Hardness Ratio"),
    (
        "hardness_ratio_hm",
        "f8",
        None,
        "phot.color;em.X-ray",
        "ACIS Hard - Medium Band Hardness Ratio",
    ),
    ("var_flag", "U", None, "meta.code;src.var", "Flag Indicates Source Displays Flux Variability"),
    (
        "conf_flag",
        "U",
        None,
        "meta.code",
        "Flag Indicates Source Regions Overlap (Confused Source)",
    ),
    (
        "extent_flag",
        "U",
        None,
        "meta.code;phys.angSize",
        "Flag Indicates Source Extent Inconsistent with Point Source (90% Confidence)",
    ),
    (
        "sat_src_flag",
        "U",
        None,
        "meta.code.qual;instr.saturation",
        "Flag Indicates Source Saturated in All Observations",
    ),
    (
        "pileup_flag",
        "U",
        None,
        "meta.code",
        "Flag Indicates ACIS Pile-Up Fraction Exceeds ~10% in All Observations",
    ),
    (
        "acis_num",
        "i2",
        None,
        "meta.number",
        "Total Number of ACIS Imaging Observations Contributing to Master Source Record",
    ),
    (
        "hrc_num",
        "i2",
        None,
        "meta.number",
        "Total Number of HRC Imaging Observations Contributing to Master Source Record",
    ),
    (
        "__truth",
        "U",
        None,
        "meta.id.assoc",
        "Simulation Only: 4FGL Source whose True Counterpart This Is, or Empty",
    ),
]

CHANMASTER_COLUMNS = [
    ("obsid", "i4", None, "meta.id;obs", "Observation ID"),
    ("status", "U", None, "meta.code", "Status of the Observation"),
    ("name", "U", None, "meta.id;meta.main", "Target Designation"),
    ("ra", "f8", "deg", "pos.eq.ra;meta.main", "Right Ascension"),
    ("dec", "f8", "deg", "pos.eq.dec;meta.main", "Declination"),
    ("time", "f8", "d", "time.start;obs", "Observation Start Time (MJD)"),
    ("detector", "U", None, "meta.id;instr", "Detector"),
    ("grating", "U", None, "meta.id;instr", "Grating"),
    (
        "exposure",
        "f8",
        "s",
        "time.duration;obs.exposure",
        "Exposure Time; Requested Time where Not Yet Observed",
    ),
    ("type", "U", None, "meta.code", "Observation Type"),
    ("pi", "U", None, "meta.id.PI", "Principal Investigator"),
    ("public_date", "f8", "d", "time.release", "Date the Data Become or Became Public (MJD)"),
    ("data_mode", "U", None, "meta.code;instr.setup", "Instrument Data Mode"),
    ("cycle", "U", None, "meta.id", "Proposal Cycle"),
]


def described_table(arrays, columns, meta):
    """
    Make a table of arrays, with units, UCDs (in ``column.meta['ucd']``) and descriptions.

    Parameters
    ----------
    arrays : dict
        Column name to a 1-D array; NaN in a float array is a missing value, and is masked.
    columns : list of tuple
        Name, dtype, unit, UCD and description of each column, in order.
    meta : dict
        The table's meta.

    Returns
    -------
    `~astropy.table.Table`

    Examples
    --------
    >>> import numpy as np
    >>> from astroquery_cfx.archive.sky.columns import CSC_COLUMNS, described_table
    >>> table = described_table({"ra": np.array([83.63, np.nan])}, [CSC_COLUMNS[1]], {})
    >>> table["ra"].unit, table["ra"].meta["ucd"], table["ra"].mask.tolist()
    (Unit("deg"), 'pos.eq.ra;meta.main', [False, True])
    """
    table = Table(meta=meta)
    for name, dtype, unit, ucd, description in columns:
        values = np.asarray(arrays[name])
        if dtype != "U":
            values = values.astype(dtype)
        kind, options = Column, {}
        if values.dtype.kind == "f" and np.isnan(values).any():
            kind, options = MaskedColumn, {"mask": np.isnan(values)}
        table[name] = kind(values, unit=unit, description=description, meta={"ucd": ucd}, **options)
    return table
