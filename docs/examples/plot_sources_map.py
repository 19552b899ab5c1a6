"""
Map of X-ray sources
====================

The sources of the Chandra Source Catalog within 10 degrees of the Galactic plane, coloured by flux.
"""

import astropy.units as u

from astroquery_cfx import CSCPlaneClass
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.figures import plot_sources_map

# %%
# ``query_plane`` lets the service select the area, and cuts exactly at the latitude itself. Sources
# without a flux above zero are left out here.

with EmbeddedArchive() as archive:
    chandra = CSCPlaneClass(vo_url=archive.url)
    sources = chandra.query_plane(10 * u.deg, column_filters={"b_flux_ap": (">", 0)})

sources[:4]

# %%
# Longitude increases to the left, as on the sky.

axes = plot_sources_map(sources)
