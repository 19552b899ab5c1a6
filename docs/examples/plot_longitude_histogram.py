"""
Sources by Galactic longitude
=============================

The distribution of sources along the Galactic plane.
"""

import astropy.units as u

from astroquery_cfx import CSCPlaneClass
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.figures import plot_longitude_histogram

with EmbeddedArchive() as archive:
    chandra = CSCPlaneClass(vo_url=archive.url)
    sources = chandra.query_plane(10 * u.deg, column_filters={"b_flux_ap": (">", 0)})

# %%
# The counts depend on where Chandra observed for long, above all the Galactic Centre, as much as on
# where sources are.

axes = plot_longitude_histogram(sources, bins=36)
