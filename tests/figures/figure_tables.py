# Licensed under a 3-clause BSD style license - see LICENSE
"""Made-up tables of the job, small, with rows that cannot be drawn."""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table

CLASSES = ["PSR", "psr", "spp", "SPP", "BCU", "bcu", "bll", "sbg", "unk", "", "NOV", "zzz"]
SENTENCE = (
    "The Chandra rows are invented (seed 1), the Fermi rows are real, "
    "and this goes on for another line or two."
)
FLUX = u.erg / u.s / u.cm**2


def make_tables(seed=1, simulated=None):
    """The tables that the figures draw, by the name of their parameter."""
    rng = np.random.default_rng(seed)
    meta = {"simulated": simulated} if simulated else {}
    return {
        "observations": observations(rng, meta),
        "sources": sources(rng, meta),
        **pairs(rng, meta),
        "shares": shares(meta),
        "calibration": calibration(meta),
    }


def calibration(meta):
    cut = np.arange(0.05, 1, 0.05)
    num = np.round(900 * (1 - 0.8 * cut))
    chance = 500 * (1 - cut) ** 3
    return Table(
        {
            "cut": cut,
            "num": num,
            "expected_true": num - 0.95 * chance,
            "chance": chance,
            "chance_error": 3 + 0.02 * chance,
            "reliability": 1 - chance / num,
            "reliability_error": (3 + 0.1 * chance) / num,
            "completeness": (num - chance) / 600,
        },
        meta=meta,
    )


def observations(rng, meta):
    exposure = 10 ** rng.normal(4.3, 0.5, 300)
    exposure[:7] = 0
    table = Table(
        {
            "obsid": np.arange(300),
            "ra": rng.uniform(0, 360, 300),
            "dec": rng.uniform(-90, 90, 300),
            "exposure": exposure,
        },
        units={"ra": "deg", "dec": "deg", "exposure": "s"},
        masked=True,
        meta=meta,
    )
    table["ra"].mask[7:10] = True
    return table


def sources(rng, meta):
    galactic = SkyCoord(
        rng.uniform(0, 360, 500), rng.normal(0, 3, 500), unit="deg", frame="galactic"
    )
    flux = 10 ** rng.normal(-14, 1, 500)
    flux[:11], flux[11:15] = 0, np.nan
    return Table(
        {
            "name": [f"S{number}" for number in range(500)],
            "ra": galactic.icrs.ra,
            "dec": galactic.icrs.dec,
            "b_flux_ap": flux * FLUX,
        },
        meta=meta,
    )


def pairs(rng, meta):
    """Sixty Fermi sources, some across the edges of the maps; one to ten matches each."""
    fermi = Table(
        {
            "fermi_name": [f"4FGL {number:02d}" for number in range(60)],
            "fermi_l": rng.uniform(0, 360, 60) * u.deg,
            "fermi_b": rng.uniform(-9.5, 9.5, 60) * u.deg,
            "fermi_r95": rng.uniform(0.02, 0.6, 60) * u.deg,
            "fermi_flux": 10 ** rng.normal(-11, 0.5, 60) * FLUX,
            "fermi_class": np.resize(CLASSES, 60),
            "num_csc_matches": rng.integers(1, 11, 60),
        },
        meta=meta,
    )
    fermi["fermi_l"][:4] = [180.05, 179.9, 60.01, 300.2]
    fermi["fermi_b"][4] = 9.9
    fermi["fermi_r95"][5:8] = np.nan, 0.01, 0.005
    matched = fermi[np.repeat(np.arange(60), fermi["num_csc_matches"])]
    count = len(matched)
    place = SkyCoord(
        matched["fermi_l"], matched["fermi_b"], frame="galactic"
    ).directional_offset_by(
        rng.uniform(0, 360, count) * u.deg, 0.1 * np.sqrt(rng.random(count)) * u.deg
    )
    matched["csc_name"] = [f"2CXO {number}" for number in range(count)]
    matched["csc_l"], matched["csc_b"] = place.l.to(u.deg), place.b.to(u.deg)
    matched["csc_flux"] = 10 ** rng.normal(-14, 1, count) * FLUX
    matched["csc_flux"][3] = 0
    matched["separation"] = rng.uniform(0, 0.1, count) * u.deg
    matched["offset_95"] = matched["separation"].value / matched["fermi_r95"].value
    return {"grouped": fermi, "matched": matched, "separations": matched}


def shares(meta):
    return Table(
        {
            "group": ["Galactic", "extragalactic", "unknown", "unassociated"],
            "num_plane": [40, 30, 20, 10],
            "num_matched": [5, 3, 0, 2],
            "share_plane": [0.4, 0.3, 0.2, 0.1],
            "share_matched": [0.5, 0.3, 0.0, 0.2],
        },
        meta=meta,
    )


DRAWINGS = {
    "plot_completeness": "calibration",
    "plot_reliability": "calibration",
    "plot_class_shares": "shares",
    "plot_flux_ratio_by_class": "matched",
    "plot_flux_ratio_by_position": "matched",
    "plot_flux_ratio_strip": "matched",
    "plot_latitude_histogram": "sources",
    "plot_longitude_histogram": "sources",
    "plot_match_counts": "grouped",
    "plot_match_density_map": "grouped",
    "plot_matches_by_flux": "grouped",
    "plot_matches_map": "matched",
    "plot_observations_map": "observations",
    "plot_plane_strip": "sources",
    "plot_separations": "separations",
    "plot_sources_map": "sources",
}
