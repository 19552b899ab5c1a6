"""
Purity and completeness of associations
=======================================

The purity of the associations above a cut in probability, and the fraction of the counterparts that
they include.
"""

from astroquery_cfx import Fermi4FGL, calibrate_association
from astroquery_cfx.archive.sky import simulated_sky
from astroquery_cfx.fermi import shipped_catalog
from astroquery_cfx.figures import plot_completeness
from astroquery_cfx.files import read_table

# %%
# The simulated sky, where Chandra observed it, and 4FGL-DR4.

sky = simulated_sky()
chandra = read_table(sky["csc"])["name", "ra", "dec", "error_ellipse_r0", "b_flux_ap"]
observations = read_table(sky["chanmaster"])
observations = observations[(observations["status"] == "archived") & (observations["exposure"] > 0)]
fermi = Fermi4FGL.get_catalog("DR4", path=shipped_catalog())

# %%
# Error regions shifted to other positions show how many candidates pass the cut by chance.

calibration = calibrate_association(
    chandra,
    fermi,
    flux="b_flux_ap",
    fields=observations["ra", "dec"],
    left_coordinates=("ra", "dec"),
    right_coordinates=("RAJ2000", "DEJ2000"),
    shifts=(2.0, 3.0),
    angles=4,
)

calibration["cut", "num", "chance", "reliability", "completeness"][::3]

# %%
# A high cut is pure, a low one complete.

axes = plot_completeness(calibration)
