"""
Map of the Galactic plane
=========================

The sources of the plane, on a map with the same scale at all longitudes.
"""

import astropy.units as u

from astroquery_cfx import CSCPlaneClass
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.figures import plot_plane_strip

with EmbeddedArchive() as archive:
    chandra = CSCPlaneClass(vo_url=archive.url)
    sources = chandra.query_plane(10 * u.deg, column_filters={"b_flux_ap": (">", 0)})

# %%
# The projection is a plate carree: a tangent plane about the Galactic Centre cannot show longitudes
# more than 90 degrees from it.

axes = plot_plane_strip(sources, b_max=10 * u.deg)
