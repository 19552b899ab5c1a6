"""
Numbers of matches
==================

The number of Chandra sources near each Fermi source, by Galactic longitude.
"""

import astropy.units as u

from astroquery_cfx import CSCPlaneClass, Fermi4FGL
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.fermi import shipped_catalog
from astroquery_cfx.figures import plot_match_counts
from astroquery_cfx.reproduce import group_table, match_plane

# %%
# The Chandra sources of the plane, 4FGL-DR4, and all pairs of the two within 0.1 degrees.

with EmbeddedArchive() as archive:
    chandra = CSCPlaneClass(vo_url=archive.url)
    sources = chandra.query_plane(10 * u.deg, column_filters={"b_flux_ap": (">", 0)})

fermi = Fermi4FGL.get_catalog("DR4", path=shipped_catalog())
pairs = match_plane(sources, fermi, 0.1 * u.deg)
grouped = group_table(pairs)

grouped["fermi_name", "fermi_class", "fermi_r95", "num_csc_matches"][:4]

# %%
# The scale is logarithmic, so that the Galactic Centre fits on it.

axes = plot_match_counts(grouped)
