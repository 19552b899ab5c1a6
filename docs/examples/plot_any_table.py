"""
Any table of HEASARC, complete
==============================

The same client fetches any table of HEASARC: here ``fermilpsc``, which is 4FGL-DR4.
"""

import astropy.units as u
from astropy.coordinates import SkyCoord
from matplotlib.figure import Figure

from astroquery_cfx import CSCPlaneClass
from astroquery_cfx.archive import EmbeddedArchive

# %%
# All rows, verified. The real service has every table that ``list_catalogs()`` returns.

with EmbeddedArchive() as archive:
    heasarc = CSCPlaneClass(vo_url=archive.url)
    table = heasarc.query_table(
        "fermilpsc", columns=["name", "ra", "dec", "source_type", "energy_flux"]
    )

table[:4]

# %%
# The proof that no row is missing and none is there twice:

proof = table.meta["completeness"]
print(proof["adql"])
print(
    f"{proof['rows_before']} rows counted, {proof['rows']} fetched in {len(proof['pages'])} "
    f"page(s), {proof['rows_after']} counted again"
)

# %%
# This table is real, so the figure is not marked as simulated.

position = SkyCoord(table["ra"], table["dec"], unit="deg").galactic
axes = Figure(figsize=(9, 5), layout="constrained").add_subplot(projection="aitoff")
axes.grid(alpha=0.3)
axes.scatter(-position.l.wrap_at(180 * u.deg).radian, position.b.radian, s=3)
axes.set_xticklabels([])
title = axes.set_title("The 7,195 rows of fermilpsc (4FGL-DR4), Galactic coordinates", pad=16)
