# Licensed under a 3-clause BSD style license - see LICENSE
"""HEASARC's table fermilpsc, made from the 4FGL-DR4 catalogue that the package ships."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Column, Table

from ..fermi import shipped_catalog
from .metadata import known_columns, known_tables


def fermilpsc_table(path: str | Path | None = None) -> Table:
    """
    Make HEASARC's ``fermilpsc``, in order of name, from a 4FGL FITS file as published.

    By default that is the shipped part of 4FGL-DR4: the real catalogue, in which nothing is
    simulated.
    """
    table = Table(meta={"description": known_tables()["fermilpsc"]["description"]})
    with fits.open(path or shipped_catalog()) as hdus:
        rows = hdus["LAT_Point_Source_Catalog"].data
        for name, known in known_columns("fermilpsc").items():
            values = np.asarray(rows[known["fits_name"]]).astype(known["dtype"])
            table[name] = Column(
                np.char.rstrip(values) if values.dtype.kind == "U" else values,
                unit=known["unit"] or None,
                description=known["description"],
                meta={"ucd": known["ucd"]},
            )
    return table[np.argsort(table["name"], kind="stable")]
