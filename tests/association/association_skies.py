# Licensed under a 3-clause BSD style license - see LICENSE
"""Skies of known truth: fields, field sources, and sources with large errors with counterparts."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, offset_by
from astropy.table import QTable

SIGMA_95 = 1 / np.sqrt(-2 * np.log(0.05))


def at_offsets(ra, dec, separation, angle):
    ra, dec = offset_by(ra * u.deg, dec * u.deg, angle * u.deg, separation * u.deg)
    return ra.to_value(u.deg) % 360, dec.to_value(u.deg)


def uniform_in_disc(rng, ra, dec, radius):
    return at_offsets(ra, dec, radius * np.sqrt(rng.random(len(ra))), rng.uniform(0, 360, len(ra)))


def drawn_from_ellipses(rng, ra, dec, major, minor, angle):
    """Positions drawn from Gaussians, of which the axes hold 95%."""
    along, across = (rng.normal(size=len(ra)) * axis * SIGMA_95 for axis in (major, minor))
    return at_offsets(
        ra, dec, np.hypot(along, across), angle + np.degrees(np.arctan2(across, along))
    )


def field_fluxes(rng, limit):
    """N(>S) as S**-1.2 above the limit."""
    return limit * rng.random(len(limit)) ** (-1 / 1.2)


def draw_sky(
    seed, *, num_fields=600, share=0.7, density=500.0, ellipse_scale=1.0, radius=8 / 60, inside=True
):
    """
    Draw a sky: left (Chandra-like), right (Fermi-like, with ``RA_Counterpart``), and the fields.

    The ``truth`` of a left row is the name of the right row whose counterpart it is. Depth differs
    from field to field, and so do density and fluxes. ``inside=False`` points at random places near
    the sources.
    """
    rng = np.random.default_rng(seed)
    ra, dec = rng.uniform(0, 360, num_fields), np.degrees(np.arcsin(rng.uniform(-1, 1, num_fields)))
    depth = 10 ** rng.uniform(-15, -13.5, num_fields)
    expected = np.pi * radius**2 * density * (depth / 1e-14) ** -0.6
    field = np.repeat(np.arange(num_fields), rng.poisson(expected))
    left_ra, left_dec = uniform_in_disc(rng, ra[field], dec[field], radius)
    flux = field_fluxes(rng, depth[field])

    right_ra, right_dec = uniform_in_disc(rng, ra, dec, (0.5 if inside else 1.3) * radius)
    major = ellipse_scale * 10 ** rng.normal(-1.3, 0.2, num_fields)
    minor = major * rng.uniform(0.5, 1, num_fields)
    angle = rng.uniform(-90, 90, num_fields)
    true_ra, true_dec = drawn_from_ellipses(rng, right_ra, right_dec, major, minor, angle)
    true_flux = 10 ** rng.normal(-13, 0.7, num_fields)
    centers = SkyCoord(ra, dec, unit="deg")
    in_field = SkyCoord(true_ra, true_dec, unit="deg").match_to_catalog_sky(centers)[1].deg < radius
    exists = (rng.random(num_fields) < share) & in_field & (true_flux > depth)
    names = np.array([f"R{number:05d}" for number in range(num_fields)])

    error = 10 ** rng.normal(0, 0.3, len(left_ra) + exists.sum())  # arcsec, 95%
    left_ra = np.concatenate((left_ra, true_ra[exists]))
    left_dec = np.concatenate((left_dec, true_dec[exists]))
    left_ra, left_dec = drawn_from_ellipses(rng, left_ra, left_dec, error / 3600, error / 3600, 0.0)
    truth = np.concatenate((np.full(len(flux), "", dtype="U6"), names[exists]))
    order = rng.permutation(len(truth))
    left = QTable(
        {
            "truth": truth,
            "ra": left_ra * u.deg,
            "dec": left_dec * u.deg,
            "error_ellipse_r0": error * u.arcsec,
            "flux": np.concatenate((flux, true_flux[exists])) * u.erg / u.s / u.cm**2,
        }
    )[order]
    known = exists & (rng.random(num_fields) < 0.5)
    right = QTable(
        {
            "source": names,
            "RAJ2000": right_ra * u.deg,
            "DEJ2000": right_dec * u.deg,
            "Conf_95_SemiMajor": major * u.deg,
            "Conf_95_SemiMinor": minor * u.deg,
            "Conf_95_PosAng": angle * u.deg,
            "RA_Counterpart": np.where(known, true_ra, np.nan) * u.deg,
            "DEC_Counterpart": np.where(known, true_dec, np.nan) * u.deg,
        }
    )
    return left, right, centers


def is_true(associations):
    """Which candidates are the counterpart, and which rows belong to a source that has one."""
    true = np.asarray(associations["truth"]) == np.asarray(associations["source"])
    with_true = np.unique(np.asarray(associations["source"])[true])
    return true, np.isin(np.asarray(associations["source"]), with_true)


def departures(probability, truth, fewest=100):
    """
    Tenths of probability with enough members: the share of true ones less the mean probability.

    And by how many standard errors of a share that is more than 0.05.
    """
    probability = np.asarray(probability)
    tenth = np.minimum((10 * probability).astype(int), 9)
    found = {}
    for k in range(10):
        members = tenth == k
        if np.sum(members) >= fewest:
            mean = probability[members].mean()
            difference = truth[members].mean() - mean
            found[k] = (
                difference,
                (abs(difference) - 0.05) / np.sqrt(mean * (1 - mean) / np.sum(members)),
            )
    return found
