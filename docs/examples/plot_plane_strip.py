"""
The Galactic plane as a strip
=============================

The sources of the plane on a map that shows all longitudes at one scale.
"""

import astropy.units as u

from astroquery_cfx import CSCPlaneClass
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.figures import plot_plane_strip

with EmbeddedArchive() as archive:
    chandra = CSCPlaneClass(vo_url=archive.url)
    sources = chandra.query_plane(10 * u.deg, column_filters={"b_flux_ap": (">", 0)})

# %%
# A plate carree projection: a tangential one about the Galactic Centre has no place for longitudes
# beyond 90 degrees.

axes = plot_plane_strip(sources, b_max=10 * u.deg)
