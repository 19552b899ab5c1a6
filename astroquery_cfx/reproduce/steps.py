# Licensed under a 3-clause BSD style license - see LICENSE
"""The steps of the job: select, match, group, associate. Each takes tables and returns tables."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, MaskedColumn, Table

from ..arrays import angle_in_degrees, column_floats, get_column, to_floats, to_texts
from ..association import associate_tables, calibrate_association
from ..crossmatch import crossmatch_tables, group_matches
from ..crossmatch.ellipse import ellipse_offset
from ..errors import InvalidInputError
from ..fermi.classes import class_group

_FLUX = u.erg / u.s / u.cm**2

# fmt: off
# Column of the job: column of the catalogue, unit (None for texts), UCD, description.
_CHANDRA_COLUMNS = {
    "csc_name": ("name", None, "meta.id;meta.main", "Name in the Chandra Source Catalog"),
    "csc_l": ("l", u.deg, "pos.galactic.lon", "Galactic longitude of the Chandra source"),
    "csc_b": ("b", u.deg, "pos.galactic.lat", "Galactic latitude of the Chandra source"),
    "csc_flux": ("b_flux_ap", _FLUX, "phot.flux;em.X-ray",
                 "Flux of the Chandra source in the source aperture, 0.5-7 keV"),
}
_FERMI_COLUMNS = {
    "fermi_name": ("Source_Name", None, "meta.id;meta.main", "Name in the 4FGL catalogue"),
    "fermi_l": ("GLON", u.deg, "pos.galactic.lon", "Galactic longitude of the Fermi source"),
    "fermi_b": ("GLAT", u.deg, "pos.galactic.lat", "Galactic latitude of the Fermi source"),
    "fermi_r95": ("Conf_95_SemiMajor", u.deg, "pos.errorEllipse;phys.angSize.smajAxis",
                  "Semi-major axis of the 95% error ellipse of the Fermi source"),
    "fermi_flux": ("Energy_Flux100", _FLUX, "phot.flux;em.gamma",
                   "Energy flux of the Fermi source, 0.1-100 GeV"),
    "fermi_class": ("CLASS1", None, "src.class",
                    "Class of the Fermi source: capitals for identified, small letters for "
                    "associated, masked for unassociated"),
    "fermi_r95_minor": ("Conf_95_SemiMinor", u.deg, "pos.errorEllipse;phys.angSize.sminAxis",
                        "Semi-minor axis of the 95% error ellipse"),
    "fermi_r95_angle": ("Conf_95_PosAng", u.deg, "pos.errorEllipse;pos.posAng",
                        "Position angle of the 95% error ellipse, east of north"),
}
_MATCHED = [
    "csc_name", "csc_l", "csc_b", "csc_flux",
    "fermi_name", "fermi_l", "fermi_b", "fermi_r95", "fermi_flux", "fermi_class", "separation",
]
_GROUPED = [
    "fermi_name", "fermi_l", "fermi_b", "fermi_flux", "fermi_r95", "fermi_class",
    "num_csc_matches", "csc_name", "csc_flux", "csc_l", "csc_b", "separation",
]
_GROUPS = ("Galactic", "extragalactic", "unknown", "unassociated")  # as class_group has them

# The columns of each side of an association, and their names in its table.
_ASSOCIATED_CHANDRA = {
    "name": "csc_name", "ra": "csc_ra", "dec": "csc_dec", "error_ellipse_r0": "error_ellipse_r0",
    "b_flux_ap": "csc_flux",
}
_ASSOCIATED_FERMI = {
    "Source_Name": "fermi_name", "RAJ2000": "fermi_ra", "DEJ2000": "fermi_dec",
    "CLASS1": "fermi_class", "ASSOC1": "fermi_association",
}
# Used for the probabilities and left out of the table: the error ellipses, and the counterparts and
# extended regions that the flux model learns from.
_ELLIPSE = ["Conf_95_SemiMajor", "Conf_95_SemiMinor", "Conf_95_PosAng"]
_TRAINING = [
    "RA_Counterpart", "DEC_Counterpart",
    "Region_SemiMajor", "Region_SemiMinor", "Region_PosAng", "Region_Kind",
]
# fmt: on
_LEAST_P = 0.001  # less probable candidates are left out, but for the best of each Fermi source


def galactic_coordinates(table: Table, *, longitude: str = "ra", latitude: str = "dec") -> SkyCoord:
    """
    Convert the ICRS positions of a table to Galactic ones, in double precision.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table, with positions in degrees.
    longitude, latitude : str, optional
        Names of the columns of right ascension and declination.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        One Galactic position per row; NaN where a row has none.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.reproduce import galactic_coordinates
    >>> center = galactic_coordinates(Table({"ra": [266.405], "dec": [-28.936]}))
    >>> print(f"{abs(center.b[0].deg):.3f}")
    0.000
    """
    return SkyCoord(to_floats(table[longitude]), to_floats(table[latitude]), unit="deg").galactic


def select_observed(observations: Table) -> Table:
    """
    Select the observations that have a position.

    Parameters
    ----------
    observations : `~astropy.table.Table`
        Observations with ra and dec.

    Returns
    -------
    `~astropy.table.Table`
        The rows where neither is masked or NaN.

    Examples
    --------
    >>> from astropy.table import MaskedColumn, Table
    >>> from astroquery_cfx.reproduce import select_observed
    >>> position = MaskedColumn([10.0, 0.0], mask=[False, True])
    >>> len(select_observed(Table({"obsid": [1, 29852], "ra": position, "dec": position})))
    1
    """
    ra, dec = to_floats(observations["ra"]), to_floats(observations["dec"])
    return observations[np.isfinite(ra) & np.isfinite(dec)]


def select_positive(sources: Table) -> Table:
    """
    Select the sources with a positive flux (b_flux_ap > 0).

    Parameters
    ----------
    sources : `~astropy.table.Table`
        Sources with b_flux_ap: NaN for those seen by HRC alone, and exactly zero for many.

    Returns
    -------
    `~astropy.table.Table`
        Those rows, in their order.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.reproduce import select_positive
    >>> len(select_positive(Table({"b_flux_ap": [1e-14, 0.0, float("nan")]})))
    1
    """
    return sources[to_floats(sources["b_flux_ap"]) > 0]


def select_plane(sources: Table, b_max: u.Quantity = 10 * u.deg) -> Table:
    """
    Select the sources near the Galactic plane, by their ra and dec.

    Parameters
    ----------
    sources : `~astropy.table.Table`
        Sources with ra and dec.
    b_max : `~astropy.units.Quantity`, optional
        The largest absolute Galactic latitude, included.

    Returns
    -------
    `~astropy.table.Table`
        Those rows, in their order.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import Table
    >>> from astroquery_cfx.reproduce import select_plane
    >>> len(select_plane(Table({"ra": [266.4, 192.9], "dec": [-28.9, 27.1]}), 10 * u.deg))
    1
    """
    edge = angle_in_degrees(b_max, "b_max", largest=90)
    return sources[np.abs(galactic_coordinates(sources).b.deg) <= edge]


def select_classes(table: Table, *classes: str, column: str = "fermi_class") -> Table:
    """
    Select the rows of some Fermi classes, identified and associated.

    Parameters
    ----------
    table : `~astropy.table.Table`
        Any table with a column of class codes.
    *classes : str
        Codes, in any case: ``'psr'`` also finds ``'PSR'``.
    column : str, optional
        The column of the codes.

    Returns
    -------
    `~astropy.table.Table`
        Those rows, in their order.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.reproduce import select_classes
    >>> print(select_classes(Table({"fermi_class": ["PSR", "bll", "msp"]}), "psr", "msp"))
    fermi_class
    -----------
            PSR
            msp
    """
    wanted = [code.strip().lower() for code in classes]
    return table[np.isin(np.char.lower(to_texts(table[column])), np.array(wanted, dtype=str))]


def flux_statistics(sources: Table) -> dict:
    """
    Get the number and the smallest, largest and mean flux of sources.

    Parameters
    ----------
    sources : `~astropy.table.Table`
        Sources with b_flux_ap, in erg/s/cm2 where it has no unit.

    Returns
    -------
    dict
        count, min, max, mean and unit; the numbers are None where there is no source.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.reproduce import flux_statistics
    >>> flux_statistics(Table({"b_flux_ap": [1e-14, 3e-14]}))["mean"]
    2e-14
    """
    flux = to_floats(sources["b_flux_ap"])
    least, largest, mean = (
        (float(flux.min()), float(flux.max()), float(flux.mean())) if len(flux) else [None] * 3
    )
    unit = str(sources["b_flux_ap"].unit or _FLUX)
    return {"count": len(flux), "min": least, "max": largest, "mean": mean, "unit": unit}


def match_plane(sources: Table, fermi: Table, radius: u.Quantity = 0.1 * u.deg) -> Table:
    """
    Find all pairs of a Chandra source and a Fermi source within a radius.

    Parameters
    ----------
    sources : `~astropy.table.Table`
        Chandra sources with name, ra, dec (ICRS) and b_flux_ap.
    fermi : `~astropy.table.Table`
        A 4FGL catalogue from `~astroquery_cfx.Fermi4FGLClass.get_catalog`. Its positions are GLON
        and GLAT.
    radius : `~astropy.units.Quantity`, optional
        The largest separation.

    Returns
    -------
    `~astropy.table.Table`
        One row per pair: csc_name, csc_l, csc_b, csc_flux; the Fermi columns (fermi_name, ...) with
        the error ellipse; separation and position_angle (deg); and offset_95, the separation in
        units of the 95% ellipse in its direction, masked where there is no ellipse.

    Raises
    ------
    InvalidInputError
        If a column is missing, or the radius is not an angle.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import Table
    >>> from astroquery_cfx.reproduce import group_table, match_plane, matched_table
    >>> sources = Table({"name": ["a"], "ra": [266.405], "dec": [-28.936], "b_flux_ap": [1e-13]})
    >>> fermi = Table({"Source_Name": ["F"], "GLON": [0.0], "GLAT": [0.05], "CLASS1": ["psr"],
    ...                "Conf_95_SemiMajor": [0.05], "Conf_95_SemiMinor": [0.05],
    ...                "Conf_95_PosAng": [0.0], "Energy_Flux100": [1e-10]})
    >>> pairs = match_plane(sources, fermi, 0.1 * u.deg)
    >>> print(f"{pairs['separation'][0]:.3f} {pairs['offset_95'][0]:.2f}")
    0.050 1.00
    >>> group_table(pairs)["num_csc_matches"].tolist(), matched_table(pairs).colnames[:3]
    ([1], ['csc_name', 'csc_l', 'csc_b'])
    """
    position = galactic_coordinates(sources)
    chandra = sources[["name", "b_flux_ap"]]
    chandra["l"], chandra["b"] = position.l.deg, position.b.deg
    pairs = crossmatch_tables(
        _job_columns(chandra, _CHANDRA_COLUMNS, "Chandra table"),
        _job_columns(fermi, _FERMI_COLUMNS, "Fermi catalogue"),
        radius,
        left_coordinates=("csc_l", "csc_b"),
        right_coordinates=("fermi_l", "fermi_b"),
    )
    offset = ellipse_offset(
        pairs["separation"],
        pairs["position_angle"],
        pairs["fermi_r95"],
        pairs["fermi_r95_minor"],
        pairs["fermi_r95_angle"],
    )
    pairs["offset_95"] = MaskedColumn(
        offset,
        mask=~np.isfinite(offset),
        meta={"ucd": "pos.angDistance"},
        description="Offset from the Fermi source in units of its 95% error ellipse",
    )
    return pairs


def _job_columns(table, columns, label):
    """Return a catalogue's columns under the job's names, in its units, masked where blank."""
    renamed = Table(meta=_simulated(table))
    for name, (original, unit, ucd, description) in columns.items():
        if unit is not None:
            values = Column(
                column_floats(table, original, unit, label=label, needs_unit=False), unit=unit
            )
        else:
            texts = to_texts(get_column(table, original, label=label))
            blank = texts == ""
            values = MaskedColumn(texts, mask=blank) if blank.any() else Column(texts)
        values.description, values.meta["ucd"] = description, ucd
        renamed[name] = values
    return renamed


def _simulated(*tables):
    sentences = [table.meta["simulated"] for table in tables if table.meta.get("simulated")]
    return {"simulated": " ".join(dict.fromkeys(sentences))} if sentences else {}


def matched_table(pairs: Table) -> Table:
    """
    Select the columns of the table of matched sources.

    Parameters
    ----------
    pairs : `~astropy.table.Table`
        Pairs from `match_plane`, whose example calls this.

    Returns
    -------
    `~astropy.table.Table`
        csc_name, csc_l, csc_b, csc_flux, fermi_name, fermi_l, fermi_b, fermi_r95, fermi_flux,
        fermi_class, separation, in the order of the pairs.
    """
    return pairs[_MATCHED]


def separations_table(pairs: Table) -> Table:
    """
    Select how far apart the pairs are, in degrees and in units of the 95% error ellipse.

    Parameters
    ----------
    pairs : `~astropy.table.Table`
        Pairs from `match_plane`.

    Returns
    -------
    `~astropy.table.Table`
        csc_name, fermi_name, separation (deg), position_angle (deg), offset_95.
    """
    return pairs[["csc_name", "fermi_name", "separation", "position_angle", "offset_95"]]


def group_table(pairs: Table) -> Table:
    """
    Group the pairs: one row per Fermi source, with the lists of its Chandra sources.

    Parameters
    ----------
    pairs : `~astropy.table.Table`
        Pairs from `match_plane`, whose example calls this.

    Returns
    -------
    `~astropy.table.Table`
        Sorted by (fermi_l, fermi_b): fermi_name, fermi_l, fermi_b, fermi_flux, fermi_r95,
        fermi_class, num_csc_matches, and the list columns csc_name, csc_flux, csc_l, csc_b,
        separation.
    """
    groups = group_matches(pairs, by="fermi_name")
    groups.rename_column("num_matches", "num_csc_matches")
    groups["num_csc_matches"].description = "Number of Chandra sources within the radius"
    # By name last, so that sources at the same position have an order, too.
    order = np.lexsort((groups["fermi_name"], groups["fermi_b"], groups["fermi_l"]))
    return groups[_GROUPED][order]


def class_shares(fermi: Table, matched: Table, b_max: u.Quantity = 10 * u.deg) -> Table:
    """
    Count the groups of Fermi classes in the plane, and among the sources there with a match.

    Parameters
    ----------
    fermi : `~astropy.table.Table`
        The whole catalogue, with Source_Name, GLAT and CLASS1.
    matched : `~astropy.table.Table`
        Pairs: fermi_name of the sources with a match.
    b_max : `~astropy.units.Quantity`, optional
        The largest absolute Galactic latitude of the plane, included.

    Returns
    -------
    `~astropy.table.Table`
        group ('Galactic', 'extragalactic', 'unknown', 'unassociated'); num_plane and num_matched,
        numbers of Fermi sources; share_plane and share_matched, fractions of their sum.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.reproduce import class_shares
    >>> fermi = Table({"Source_Name": ["A", "B"], "GLAT": [0.0, 1.0], "CLASS1": ["PSR", "bll"]})
    >>> shares = class_shares(fermi, Table({"fermi_name": ["A"]}))
    >>> print(shares["group", "num_plane", "num_matched"][:2])
        group     num_plane num_matched
    ------------- --------- -----------
         Galactic         1           1
    extragalactic         1           0
    """
    edge = angle_in_degrees(b_max, "b_max", largest=90)
    plane = fermi[np.abs(to_floats(fermi["GLAT"])) <= edge]
    groups = np.array([class_group(value) for value in plane["CLASS1"]], dtype=str)
    has_match = np.isin(to_texts(plane["Source_Name"]), to_texts(matched["fermi_name"]))
    shares = Table({"group": _GROUPS}, meta=_simulated(fermi, matched))
    for side, rows, text in (
        ("plane", groups, "in the plane"),
        ("matched", groups[has_match], "in the plane with a Chandra source within the radius"),
    ):
        counts = np.array([np.count_nonzero(rows == group) for group in _GROUPS])
        shares[f"num_{side}"] = Column(counts, description=f"Number of Fermi sources {text}")
        shares[f"share_{side}"] = Column(
            counts / max(1, len(rows)), description=f"Share of the Fermi sources {text}"
        )
    return shares["group", "num_plane", "num_matched", "share_plane", "share_matched"]


def associations_tables(sources: Table, observations: Table, fermi: Table) -> tuple[Table, Table]:
    """
    Associate the Fermi sources of the whole sky, and calibrate the probabilities.

    The first table has the candidates of `~astroquery_cfx.associate_tables` with a p_i of 0.001 or
    more and the best of each Fermi source; the second is that of
    `~astroquery_cfx.calibrate_association`. Both are empty where the catalogue has no ellipses or
    there are no candidates, the second also where no region lies in observed fields.
    """
    if not {"Source_Name", "RAJ2000", "DEJ2000", *_ELLIPSE} <= set(fermi.colnames):
        return Table(), Table()
    shown = [*_ASSOCIATED_FERMI, *_ELLIPSE, *_TRAINING]
    left = sources[[name for name in _ASSOCIATED_CHANDRA if name in sources.colnames]]
    right = fermi[[name for name in shown if name in fermi.colnames]]
    options = {
        "left_coordinates": ("ra", "dec"),
        "right_coordinates": ("RAJ2000", "DEJ2000"),
        "fields": Table(observations["ra", "dec"]),
        "flux": "b_flux_ap",
    }
    candidates = Table(associate_tables(left, right, **options))
    if not len(candidates):
        return Table(), Table()
    try:
        calibration = Table(
            calibrate_association(left, right, shifts=(2.0, 3.0), angles=4, **options)
        )
    except InvalidInputError:  # no place in observed fields to shift a region to
        calibration = Table()
    probable = np.asarray(candidates["p_i"]) >= _LEAST_P
    table = candidates[probable | (np.asarray(candidates["rank"]) == 1)]
    table.remove_columns([name for name in _ELLIPSE + _TRAINING if name in table.colnames])
    for name, new in (_ASSOCIATED_CHANDRA | _ASSOCIATED_FERMI).items():
        if name in table.colnames:
            table.rename_column(name, new)
    table.meta["association"] = {**candidates.meta["association"], "least_p_i": _LEAST_P}
    return table, calibration
