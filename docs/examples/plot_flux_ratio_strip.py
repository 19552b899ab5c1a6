"""
Flux ratio along the plane
==========================

The matched sources on a map of the plane, coloured by X-ray to gamma-ray energy flux ratio.
"""

import astropy.units as u

from astroquery_cfx import CSCPlaneClass, Fermi4FGL
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.fermi import shipped_catalog
from astroquery_cfx.figures import plot_flux_ratio_strip
from astroquery_cfx.reproduce import match_plane, matched_table

# %%
# The Chandra sources of the plane, 4FGL-DR4, and all pairs of the two within 0.1 degrees.

with EmbeddedArchive() as archive:
    chandra = CSCPlaneClass(vo_url=archive.url)
    sources = chandra.query_plane(10 * u.deg, column_filters={"b_flux_ap": (">", 0)})

fermi = Fermi4FGL.get_catalog("DR4", path=shipped_catalog())
pairs = match_plane(sources, fermi, 0.1 * u.deg)
matched = matched_table(pairs)

matched["csc_name", "fermi_name", "fermi_class", "separation"][:4]

# %%
# The X-ray flux is at 0.5-7 keV, the gamma-ray flux at 0.1-100 GeV. Their ratio is a property of a
# source only if both come from the same object.

axes = plot_flux_ratio_strip(matched, b_max=10 * u.deg)
