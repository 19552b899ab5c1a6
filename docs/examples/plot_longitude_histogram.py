"""
Sources by Galactic longitude
=============================

How many sources of the plane lie in each ten degrees of longitude.
"""

import astropy.units as u

from astroquery_cfx import CSCPlaneClass
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.figures import plot_longitude_histogram

with EmbeddedArchive() as archive:
    chandra = CSCPlaneClass(vo_url=archive.url)
    sources = chandra.query_plane(10 * u.deg, column_filters={"b_flux_ap": (">", 0)})

# %%
# The counts show where Chandra has looked long as much as where sources are: the Galactic Centre above
# all.

axes = plot_longitude_histogram(sources, bins=36)
