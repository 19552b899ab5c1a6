# Licensed under a 3-clause BSD style license - see LICENSE
"""The steps that match: pairs, the job's tables of them, and the shares of the classes."""

import numpy as np
from astropy import units as u
from astropy.table import Column, MaskedColumn, Table

from ..crossmatch import crossmatch_tables, group_matches
from ..crossmatch.ellipse import ellipse_offset
from ..errors import InvalidInputError
from ..fermi.classes import class_code, class_group
from .selection import FLUX, angle, galactic_coordinates, numbers

__all__ = ["class_shares", "group_table", "match_plane", "matched_table", "separations_table"]

# Column of the job: column of 4FGL, unit, description, UCD.
_FERMI_COLUMNS = {
    "fermi_name": ("Source_Name", None, "Name in the 4FGL catalogue", "meta.id;meta.main"),
    "fermi_l": ("GLON", u.deg, "Galactic longitude of the Fermi source", "pos.galactic.lon"),
    "fermi_b": ("GLAT", u.deg, "Galactic latitude of the Fermi source", "pos.galactic.lat"),
    "fermi_r95": (
        "Conf_95_SemiMajor",
        u.deg,
        "Semi-major axis of the 95% error ellipse of the Fermi source",
        "pos.errorEllipse;phys.angSize.smajAxis",
    ),
    "fermi_flux": (
        "Energy_Flux100",
        FLUX,
        "Energy flux of the Fermi source, 0.1-100 GeV",
        "phot.flux;em.gamma",
    ),
    "fermi_class": (
        "CLASS1",
        None,
        "Class of the Fermi source: capitals for identified, small letters for"
        " associated, masked for unassociated",
        "src.class",
    ),
    "fermi_r95_minor": (
        "Conf_95_SemiMinor",
        u.deg,
        "Semi-minor axis of the 95% error ellipse",
        "pos.errorEllipse;phys.angSize.sminAxis",
    ),
    "fermi_r95_angle": (
        "Conf_95_PosAng",
        u.deg,
        "Position angle of the 95% error ellipse, east of north",
        "pos.errorEllipse;pos.posAng",
    ),
}
_MATCHED = [
    "csc_name",
    "csc_l",
    "csc_b",
    "csc_flux",
    "fermi_name",
    "fermi_l",
    "fermi_b",
    "fermi_r95",
    "fermi_flux",
    "fermi_class",
    "separation",
]
_GROUPED = [
    "fermi_name",
    "fermi_l",
    "fermi_b",
    "fermi_flux",
    "fermi_r95",
    "fermi_class",
    "num_csc_matches",
    "csc_name",
    "csc_flux",
    "csc_l",
    "csc_b",
    "separation",
]
_GROUPS = ("Galactic", "extragalactic", "unknown", "unassociated")


def match_plane(sources, fermi, radius=0.1 * u.deg):
    """
    All pairs of a Chandra source and a Fermi source within a radius.

    Parameters
    ----------
    sources : `~astropy.table.Table`
        Chandra sources with name, ra, dec, b_flux_ap. Their positions (ICRS) are turned Galactic.
    fermi : `~astropy.table.Table`
        A 4FGL catalogue, as `~astroquery_cfx.Fermi4FGLClass.get_catalog` gives it. Its GLON and GLAT are its
        positions.
    radius : `~astropy.units.Quantity`, optional
        The largest separation.

    Returns
    -------
    `~astropy.table.Table`
        One row a pair: csc_name, csc_l, csc_b, csc_flux, the Fermi columns (fermi_name ...) with its ellipse,
        separation and position_angle (deg), offset_95 (in units of the 95% ellipse, masked where there is
        none).

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import Table
    >>> from astroquery_cfx.reproduce import match_plane
    >>> sources = Table({"name": ["a"], "ra": [266.405], "dec": [-28.936], "b_flux_ap": [1e-13]})
    >>> fermi = Table({"Source_Name": ["F"], "GLON": [0.0], "GLAT": [0.05], "Conf_95_SemiMajor": [0.05],
    ...                "Conf_95_SemiMinor": [0.05], "Conf_95_PosAng": [0.0], "Energy_Flux100": [1e-10],
    ...                "CLASS1": ["psr"]})
    >>> pairs = match_plane(sources, fermi, 0.1 * u.deg)
    >>> print(f"{pairs['separation'][0]:.3f} {pairs['offset_95'][0]:.2f}")
    0.050 1.00
    """
    pairs = crossmatch_tables(
        _chandra_side(sources),
        _fermi_side(fermi),
        radius,
        left_coordinates=("csc_l", "csc_b"),
        right_coordinates=("fermi_l", "fermi_b"),
    )
    offset = ellipse_offset(
        *(
            numbers(pairs[name])
            for name in (
                "separation",
                "position_angle",
                "fermi_r95",
                "fermi_r95_minor",
                "fermi_r95_angle",
            )
        )
    )
    pairs["offset_95"] = MaskedColumn(
        offset,
        mask=~np.isfinite(offset),
        meta={"ucd": "pos.angDistance"},
        description="Offset from the Fermi source in units of its 95% error ellipse",
    )
    return pairs


def _chandra_side(sources):
    position = galactic_coordinates(sources)
    side = Table()
    side["csc_name"] = Column(
        _texts(sources["name"]),
        description="Name in the Chandra Source Catalog",
        meta={"ucd": "meta.id;meta.main"},
    )
    side["csc_l"] = Column(
        position.l.deg,
        unit=u.deg,
        description="Galactic longitude of the Chandra source",
        meta={"ucd": "pos.galactic.lon"},
    )
    side["csc_b"] = Column(
        position.b.deg,
        unit=u.deg,
        description="Galactic latitude of the Chandra source",
        meta={"ucd": "pos.galactic.lat"},
    )
    flux = sources["b_flux_ap"]
    scale = 1.0 if flux.unit is None else flux.unit.to(FLUX)
    side["csc_flux"] = Column(
        numbers(flux) * scale,
        unit=FLUX,
        meta={"ucd": "phot.flux;em.X-ray"},
        description="Flux of the Chandra source in the source aperture, 0.5-7 keV",
    )
    side.meta.update(_simulated(sources))
    return side


def _fermi_side(fermi):
    missing = [item[0] for item in _FERMI_COLUMNS.values() if item[0] not in fermi.colnames]
    if missing:
        raise InvalidInputError(
            f"The Fermi catalogue has no column {', '.join(missing)}.",
            remedy="read it with Fermi4FGL.get_catalog, with all its columns.",
        )
    side = Table()
    for name, (original, unit, description, ucd) in _FERMI_COLUMNS.items():
        column = fermi[original]
        if unit is None:
            codes = _texts(column)
            blank = codes == ""
            values = MaskedColumn(codes, mask=blank) if blank.any() else Column(codes)
        else:
            scale = 1.0 if column.unit is None else column.unit.to(unit)
            values = Column(numbers(column) * scale, unit=unit)
        values.description, values.meta["ucd"] = description, ucd
        side[name] = values
    side.meta.update(_simulated(fermi))
    return side


def _texts(column):
    return np.array([class_code(value) for value in column], dtype=str if len(column) else "U1")


def _simulated(*tables):
    sentences = [table.meta["simulated"] for table in tables if table.meta.get("simulated")]
    return {"simulated": " ".join(dict.fromkeys(sentences))} if sentences else {}


def matched_table(pairs):
    """
    The notebook's table of pairs.

    Parameters
    ----------
    pairs : `~astropy.table.Table`
        From `match_plane`.

    Returns
    -------
    `~astropy.table.Table`
        csc_name, csc_l, csc_b, csc_flux, fermi_name, fermi_l, fermi_b, fermi_r95, fermi_flux, fermi_class,
        separation, in the order of the pairs.

    Examples
    --------
    See `match_plane`; ``matched_table(pairs)`` takes what it gives.
    """
    return pairs[_MATCHED]


def separations_table(pairs):
    """
    How far apart the pairs are, in degrees and in units of the 95% error ellipse.

    Parameters
    ----------
    pairs : `~astropy.table.Table`
        From `match_plane`.

    Returns
    -------
    `~astropy.table.Table`
        csc_name, fermi_name, separation (deg), position_angle (deg), offset_95.

    Examples
    --------
    See `match_plane`; ``separations_table(pairs)`` takes what it gives.
    """
    return pairs[["csc_name", "fermi_name", "separation", "position_angle", "offset_95"]]


def group_table(pairs):
    """
    One row a Fermi source, with the lists of its Chandra sources.

    Parameters
    ----------
    pairs : `~astropy.table.Table`
        From `match_plane`.

    Returns
    -------
    `~astropy.table.Table`
        Sorted by (fermi_l, fermi_b): fermi_name, fermi_l, fermi_b, fermi_flux, fermi_r95, fermi_class,
        num_csc_matches, and the list columns csc_name, csc_flux, csc_l, csc_b, separation.

    Examples
    --------
    See `match_plane`; ``group_table(pairs)`` takes what it gives.
    """
    groups = group_matches(pairs, by="fermi_name")
    groups.rename_column("num_matches", "num_csc_matches")
    groups["num_csc_matches"].description = "Number of Chandra sources within the radius"
    # The name last, so that two sources at one place have an order too.
    order = np.lexsort((groups["fermi_name"], groups["fermi_b"], groups["fermi_l"]))
    return groups[_GROUPED][order]


def class_shares(fermi, matched, b_max=10 * u.deg):
    """
    Share of each group of classes in the plane, and among the sources with a match.

    Parameters
    ----------
    fermi : `~astropy.table.Table`
        The whole catalogue, with Source_Name, GLAT and CLASS1.
    matched : `~astropy.table.Table`
        Has fermi_name of the sources with a match.
    b_max : `~astropy.units.Quantity`, optional
        The half width of the plane.

    Returns
    -------
    `~astropy.table.Table`
        group ('Galactic', 'extragalactic', 'unknown', 'unassociated'), num_plane, num_matched (Fermi
        sources), share_plane and share_matched (of 1).

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.reproduce import class_shares
    >>> fermi = Table({"Source_Name": ["A", "B"], "GLAT": [0.0, 1.0], "CLASS1": ["PSR", "bll"]})
    >>> print(class_shares(fermi, Table({"fermi_name": ["A"]}))["group", "num_plane", "num_matched"][:2])
        group     num_plane num_matched
    ------------- --------- -----------
         Galactic         1           1
    extragalactic         1           0
    """
    plane = fermi[np.abs(numbers(fermi["GLAT"])) <= angle(b_max, "b_max", limit=90 * u.deg)]
    groups = np.array([class_group(value) for value in plane["CLASS1"]], dtype="U16")
    has_match = np.isin(_texts(plane["Source_Name"]), _texts(matched["fermi_name"]))
    shares = Table({"group": _GROUPS}, meta=_simulated(fermi, matched))
    for side, rows in (("plane", groups), ("matched", groups[has_match])):
        counts = np.array([np.count_nonzero(rows == group) for group in _GROUPS])
        text = (
            "in the plane"
            if side == "plane"
            else "in the plane with a Chandra source within the radius"
        )
        shares[f"num_{side}"] = Column(counts, description=f"Number of Fermi sources {text}")
        shares[f"share_{side}"] = Column(
            counts / max(1, len(rows)), description=f"Share of the Fermi sources {text}"
        )
    return shares["group", "num_plane", "num_matched", "share_plane", "share_matched"]
