# Licensed under a 3-clause BSD style license - see LICENSE
"""The sources of the simulated sky: what is seen in its fields, and which 4FGL source each explains."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from .designations import iau_names
from .fields import scatter

__all__ = ["FIELD_RADIUS", "PLANE_SHARE", "POSITIVE_SHARE", "simulated_sources"]

FIELD_RADIUS = 8.0  # arcmin
POSITIVE_SHARE = 343_779 / 407_806  # of the sources have a flux above zero
PLANE_SHARE = 100_896 / 343_779  # of those lie within 10 deg of the Galactic plane
SMALLEST_FLUX, LARGEST_FLUX = 1.33e-18, 1.3178e-9  # erg/s/cm2
MARGIN = 12 / 60  # arcmin: counterparts keep this far from the rim, measured positions scatter
ONE_COUNT = 1.2e-11  # erg/cm2 (0.5-7 keV): the fluence that gives one count on the axis of ACIS
ONE_SIGMA = 1 / np.sqrt(
    -2 * np.log(0.05)
)  # of a 2-D Gaussian, in units of its 95% radius (1 / 2.4477)
SIMULATED_COUNTERPARTS = (
    0.6  # share of the lonely 4FGL sources in the fields that are given a counterpart
)

# log N - log S: flux of the break, slopes of N(>S) below and above it, N(>S) at 1e-14 erg/s/cm2 a square
# degree. Beyond the Galaxy as in deep surveys (e.g. Luo et al. 2017, ApJS 228, 2); stars are made up.
_BEYOND = (1.5e-14, 0.6, 1.5, 260.0)
_GALACTIC = (1e-13, 0.75, 1.3, 120.0)

# log10 of X-ray (0.5-7 keV) to gamma-ray (0.1-100 GeV) energy flux: mean and width; made up with the order
# of the classes right (BL Lacs bright in X-rays, then quasars; pulsars faint).
_FLUX_RATIOS = {
    "bll": (-0.8, 0.6),
    "fsrq": (-1.6, 0.5),
    "bcu": (-1.3, 0.6),
    "rdg": (-0.9, 0.6),
    "nlsy1": (-1.2, 0.4),
    "css": (-1.5, 0.5),
    "ssrq": (-1.4, 0.4),
    "agn": (-0.8, 0.6),
    "sey": (-0.4, 0.5),
    "sbg": (-1.8, 0.5),
    "gal": (-1.8, 0.5),
    "psr": (-3.2, 0.8),
    "msp": (-3.1, 0.6),
    "pwn": (-1.3, 0.7),
    "snr": (-1.6, 0.8),
    "spp": (-2.2, 0.8),
    "hmb": (-1.0, 0.5),
    "lmb": (-1.2, 0.6),
    "bin": (-1.5, 0.6),
    "glc": (-2.8, 0.6),
    "nov": (-2.0, 0.6),
    "sfr": (-2.2, 0.6),
    "gc": (-2.5, 0.5),
}
_ANY_RATIO = (-2.0, 0.8)
_EXTENDED = ("pwn", "snr", "spp", "sfr", "gal", "sbg", "rdg")


def _galactic(ra, dec):
    galactic = SkyCoord(ra * u.deg, dec * u.deg).galactic
    return galactic.l.deg, galactic.b.deg


def _vectors(ra, dec):
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def _chord(arcmin):
    return 2 * np.sin(np.radians(arcmin / 60) / 2)


def _arcmin(chord):
    return 60 * np.degrees(2 * np.arcsin(np.clip(chord / 2, 0, 1)))


def _places(log):
    """The archived observations, one place a target: position, effective exposure, density of stars."""
    from scipy.spatial import cKDTree

    rows = np.flatnonzero(
        (log["status"] == "archived") & (log["exposure"] > 0) & np.isfinite(log["ra"])
    )
    if not len(rows):  # a log of two or three observations: let what there is count
        rows = np.flatnonzero(np.isfinite(log["ra"]))
    _, first, place = np.unique(log["target"][rows], return_index=True, return_inverse=True)
    acis = np.char.startswith(log["detector"][rows], "ACIS")
    sensitivity = np.where(acis, 1.0, 0.2) * np.where(log["grating"][rows] == "NONE", 1.0, 0.3)
    places = {name: log[name][rows][first] for name in ("ra", "dec", "crowded", "fermi")}
    longitude, places["b"] = _galactic(places["ra"], places["dec"])
    places["l"] = (longitude + 180) % 360 - 180
    places["exposure"] = np.bincount(place, np.maximum(log["exposure"][rows], 1e3) * sensitivity)
    places["limit"] = 6 * ONE_COUNT / places["exposure"] * np.sqrt(1 + places["exposure"] / 1e6)
    places["tree"] = cKDTree(_vectors(places["ra"], places["dec"]))
    places["fields"] = [
        cKDTree(_vectors(log["ra"][rows][chosen], log["dec"][rows][chosen]))
        for chosen in (acis, ~acis)
    ]
    return places


def _number_above(flux, law):
    break_flux, faint, bright, density = law
    at_break = density * (1e-14 / break_flux) ** faint
    return at_break * (flux / break_flux) ** -np.where(flux < break_flux, faint, bright)


def _flux_above(rng, flux, law):
    """Fluxes drawn from a law, one above each limit: N(>S) is uniform from 0 to N(>limit)."""
    break_flux, faint, bright, density = law
    ratio = (
        rng.random(len(flux)) * _number_above(flux, law) / (density * (1e-14 / break_flux) ** faint)
    )
    return break_flux * np.maximum(ratio, 1e-9) ** (-1 / np.where(ratio > 1, faint, bright))


def _stars(places):
    """How much denser than at the poles Galactic sources stand: disc, bulge and Galactic Centre."""
    longitude, latitude = np.abs(places["l"]), np.abs(places["b"])
    disc = 2 * np.exp(-latitude / 3) * (0.4 + np.exp(-((longitude / 50) ** 2)))
    bulge = 4 * np.exp(-np.hypot(longitude, 1.5 * latitude) / 3)
    centre = 34 * np.exp(-np.hypot(places["l"] + 0.056, 2 * (places["b"] + 0.046)) / 0.35)
    return 0.15 + disc * places["crowded"] + bulge + centre


def _share_among_places(rng, places, number, plane_share):
    """For each background source its place, and whether it belongs to the Galaxy."""
    # Gas in the plane hides half of what lies behind it.
    beyond = _number_above(places["limit"], _BEYOND) * (1 - 0.5 * np.exp(-np.abs(places["b"]) / 2))
    galactic = _number_above(places["limit"], _GALACTIC) * _stars(places)
    weight = beyond + galactic
    plane = np.abs(places["b"]) <= 10
    inside, outside = weight[plane].sum(), weight[~plane].sum()
    if inside > 0 and outside > 0:
        weight = weight * np.where(plane, plane_share / inside, (1 - plane_share) / outside)
    place = np.repeat(np.arange(len(weight)), rng.multinomial(number, weight / weight.sum()))
    return place, rng.random(number) < (galactic / (beyond + galactic))[place]


def _background(rng, places, number, plane_share):
    """Sources that happen to lie in the fields."""
    place, galactic = _share_among_places(rng, places, number, plane_share)
    # The limit grows outwards as 1 + (r / 5')^2, so numbers go as the integral of r (1 + (r / 5')^2)^-0.6.
    rim = (1 + (FIELD_RADIUS / 5) ** 2) ** 0.4
    off_axis = 5 * np.sqrt((1 + rng.random(number) * (rim - 1)) ** 2.5 - 1)
    off_axis = np.minimum(off_axis, FIELD_RADIUS * (1 - 1e-9))
    ra, dec = scatter(
        places["ra"][place], places["dec"][place], off_axis / 60, rng.uniform(0, 360, number)
    )
    limit = places["limit"][place] * (1 + (off_axis / 5) ** 2)
    flux = np.where(galactic, _flux_above(rng, limit, _GALACTIC), _flux_above(rng, limit, _BEYOND))
    # Seen in another band only, next to nothing is left in the broad one.
    faint = rng.random(number) < 0.015
    flux[faint] = SMALLEST_FLUX * (flux[faint] / SMALLEST_FLUX) ** rng.random(faint.sum())
    return {
        "ra": ra,
        "dec": dec,
        "flux": flux,
        "fermi": np.full(number, -1),
        "kind": np.zeros(number, "i1"),
    }


def _pointed_at(rng, places, number):
    """What the fields were pointed at: one bright source in most places."""
    chosen = np.flatnonzero(places["fermi"] < 0)
    chosen = np.sort(rng.permutation(chosen)[: min(round(0.8 * len(chosen)), number // 4)])
    size = len(chosen)
    ra, dec = scatter(
        places["ra"][chosen],
        places["dec"][chosen],
        rng.rayleigh(3 / 3600, size),
        rng.uniform(0, 360, size),
    )
    # One draw from each of equal parts of the law: the mean of so wide a law would jump with the seed else.
    part = (rng.permutation(size) + rng.random(size)) / max(size, 1)
    flux = np.clip(1.2e-13 * (1 - part) ** -1.05, None, LARGEST_FLUX)
    return {
        "ra": ra,
        "dec": dec,
        "flux": flux,
        "fermi": np.full(size, -1),
        "kind": np.ones(size, "i1"),
    }


def _inside(places, ra, dec):
    """Which positions lie in a field, with a margin."""
    nearest, _ = places["tree"].query(_vectors(ra, dec))
    return nearest < _chord(FIELD_RADIUS - MARGIN)


def _surely_inside(places, fermi, rows):
    """Of which 4FGL sources the ellipse out to 99.9% lies in fields, so that no draw is lost at a rim."""
    reach = np.sqrt(-2 * np.log(0.001)) * ONE_SIGMA * fermi["major"][rows]
    inside = _inside(places, fermi["ra"][rows], fermi["dec"][rows])
    for fraction in (0.5, 1.0):
        for angle in np.arange(0, 360, 22.5):
            inside &= _inside(
                places,
                *scatter(
                    fermi["ra"][rows],
                    fermi["dec"][rows],
                    fraction * reach,
                    np.full(len(rows), angle),
                ),
            )
    return inside


def _draw_from_ellipses(rng, fermi, rows):
    """Positions drawn from the 95% ellipses of 4FGL sources: 2-D Gaussians, cut at 99.9%."""
    radius = ONE_SIGMA * np.sqrt(-2 * np.log(1 - 0.999 * rng.random(len(rows))))
    phase = rng.uniform(0, 2 * np.pi, len(rows))
    along = fermi["major"][rows] * radius * np.cos(phase)
    across = fermi["minor"][rows] * radius * np.sin(phase)
    position_angle = fermi["angle"][rows] + np.degrees(np.arctan2(across, along))
    return scatter(fermi["ra"][rows], fermi["dec"][rows], np.hypot(along, across), position_angle)


def _counterparts(rng, places, fermi):
    """The catalogued counterparts in the fields, and some drawn for 4FGL sources that have none."""
    known = np.flatnonzero(np.isfinite(fermi["counterpart_ra"]))
    known = known[_inside(places, fermi["counterpart_ra"][known], fermi["counterpart_dec"][known])]
    # Where 4FGL sources share a counterpart, as two of the Crab do, the first of them is named.
    place = np.round(np.stack([fermi["counterpart_ra"][known], fermi["counterpart_dec"][known]]), 3)
    known = known[np.sort(np.unique(place, axis=1, return_index=True)[1])]
    lonely = np.flatnonzero(~np.isfinite(fermi["counterpart_ra"]) & np.isfinite(fermi["major"]))
    lonely = lonely[_surely_inside(places, fermi, lonely)]
    drawn = np.sort(rng.permutation(lonely)[: round(SIMULATED_COUNTERPARTS * len(lonely))])
    drawn_ra, drawn_dec = _draw_from_ellipses(rng, fermi, drawn)
    rows = np.concatenate([known, drawn])
    ratios = np.array(
        [_FLUX_RATIOS.get(code, _ANY_RATIO) for code in fermi["class"][rows]]
    ).reshape(-1, 2)
    flux = fermi["energy_flux"][rows] * 10 ** rng.normal(ratios[:, 0], ratios[:, 1])
    return {
        "ra": np.concatenate([fermi["counterpart_ra"][known], drawn_ra]),
        "dec": np.concatenate([fermi["counterpart_dec"][known], drawn_dec]),
        "flux": np.minimum(flux, 0.7 * LARGEST_FLUX),
        "fermi": rows,
        "kind": np.full(len(rows), 2, "i1"),
    }


def _observe(rng, places, sources):
    """Add what the telescope makes of them: off-axis angle, exposure, counts, numbers of observations."""
    vectors = _vectors(sources["ra"], sources["dec"])
    distance, place = places["tree"].query(vectors)
    sources["off_axis"] = _arcmin(distance)
    sources["limit"] = places["limit"][place] * (1 + (sources["off_axis"] / 5) ** 2)
    # A catalogue holds what was detected: a counterpart is never far below the limit.
    seen = sources["kind"] == 2
    sources["flux"] = np.where(
        seen, np.hypot(sources["flux"], 1.5 * sources["limit"]), sources["flux"]
    )
    exposure = places["exposure"][place] / (1 + 0.3 * (sources["off_axis"] / FIELD_RADIUS) ** 2)
    expected = np.maximum(sources["flux"] * exposure / ONE_COUNT, 3.0)
    sources["counts"] = np.maximum(rng.poisson(expected), 3)
    # The energy of a count differs from source to source, with the spectrum.
    spectrum = 10 ** rng.normal(0, 0.12, len(vectors))
    flux = sources["flux"] * spectrum * sources["counts"] / expected
    # Folded back at the ends, where a cut would pile up equal values.
    flux = np.maximum(flux, SMALLEST_FLUX**2 / flux)
    sources["flux"] = np.minimum(flux, LARGEST_FLUX**2 / flux)
    sources["crowding"] = np.bincount(place, minlength=len(places["ra"]))[place]
    for name, tree in zip(("acis_num", "hrc_num"), places["fields"], strict=True):
        sources[name] = (
            tree.query_ball_point(vectors, _chord(FIELD_RADIUS), return_length=True)
            if tree.n
            else np.zeros(len(vectors), int)
        )


def _error_ellipses(rng, sources):
    """95% ellipses, arcsec: Kim et al. 2007 (ApJS 169, 401, eq. 12) on a floor of 0.29 arcsec."""
    counts, off_axis = np.log10(sources["counts"]), sources["off_axis"]
    radius = 10 ** np.where(
        counts < 2.1393,
        0.1145 * off_axis - 0.4958 * counts + 0.1932,
        0.0968 * off_axis - 0.2064 * counts - 0.4260,
    )
    major = np.hypot(radius * rng.uniform(0.85, 1.15, len(radius)), 0.29)
    # Off axis the image is an ellipse.
    sources["error_ellipse_r0"] = major
    sources["error_ellipse_r1"] = np.maximum(
        major * (1 - rng.uniform(0, 0.06, len(major)) * off_axis), 0.29
    )
    sources["error_ellipse_angle"] = rng.uniform(0, 180, len(major))


def _measured_positions(rng, sources):
    """Scatter the positions by their own errors."""
    size = len(sources["ra"])
    along = rng.normal(size=size) * ONE_SIGMA * sources["error_ellipse_r0"]
    across = rng.normal(size=size) * ONE_SIGMA * sources["error_ellipse_r1"]
    # Background sources were drawn where they are seen: only true places need the scatter.
    known = np.flatnonzero(sources["kind"] > 0)
    angle = sources["error_ellipse_angle"] + np.degrees(np.arctan2(across, along))
    sources["ra"][known], sources["dec"][known] = scatter(
        sources["ra"][known],
        sources["dec"][known],
        np.hypot(along, across)[known] / 3600,
        angle[known],
    )


def _fluxes(rng, sources):
    """Fluxes with 68% limits in two bands; zeros, and no value where only HRC looked."""
    size = len(sources["flux"])
    dark = sources["acis_num"] == 0
    zero = np.zeros(size, bool)
    # Exactly as many zeros as leave the share of positive fluxes right, the faintest likeliest.
    missing = size - round(POSITIVE_SHARE * size) - dark.sum()
    keys = np.where(
        dark | (sources["kind"] > 0), -np.inf, rng.gumbel(size=size) - np.log(sources["counts"])
    )
    if missing > 0:
        zero[np.argpartition(-keys, missing - 1)[:missing]] = True
    zero &= np.isfinite(keys)
    relative = (1 + np.sqrt(sources["counts"] + 0.75)) / sources["counts"]
    for band, share in (("b", 1.0), ("m", 0.28)):
        spread = 1.0 if band == "b" else 10 ** rng.normal(0, 0.15, size)
        flux = np.where(zero, 0.0, share * spread * sources["flux"])
        if band == "m":
            flux = np.where(rng.random(size) < np.clip(2 / sources["counts"], 0, 0.4), 0.0, flux)
        scale = np.where(flux > 0, flux, 0.5 * share * sources["limit"])
        error = scale * relative * rng.uniform(0.9, 1.1, size)
        sources[f"{band}_flux_ap"] = np.where(dark, np.nan, flux)
        sources[f"{band}_flux_ap_lo"] = np.where(dark, np.nan, np.maximum(flux - 0.9 * error, 0))
        sources[f"{band}_flux_ap_hi"] = np.where(dark, np.nan, flux + error)


def _codes(condition):
    return np.where(condition, "T", "F")


def _flags(rng, sources, fermi):
    """Significance, hardness ratios and flags."""
    size, counts = len(sources["flux"]), sources["counts"]
    dark, empty = sources["acis_num"] == 0, sources["b_flux_ap"] == 0
    sources["significance"] = counts / np.sqrt(counts + 2) * rng.uniform(0.9, 1.1, size) + 0.5
    for name, mean in (("hardness_ratio_hs", 0.0), ("hardness_ratio_hm", 0.1)):
        ratio = np.clip(np.round(1000.62 * rng.normal(mean, 0.45, size)) / 1000.62, -1, 1)
        ratio = np.where(empty & (rng.random(size) < 0.5), np.sign(ratio), ratio)
        sources[name] = np.where(dark | (empty & (rng.random(size) < 0.02)), np.nan, ratio)
    classes = np.append(fermi["class"], "")[sources["fermi"]]
    sources["var_flag"] = _codes(rng.random(size) < np.clip(0.03 + 0.05 * np.log10(counts), 0, 0.6))
    sources["conf_flag"] = _codes(rng.random(size) < np.clip(sources["crowding"] / 3000, 0.02, 0.7))
    sources["extent_flag"] = _codes((rng.random(size) < 0.06) | np.isin(classes, _EXTENDED))
    sources["sat_src_flag"] = _codes(sources["flux"] > 5e-11)
    sources["pileup_flag"] = _codes((sources["flux"] > 4e-12) & (rng.random(size) < 0.7))


def simulated_sources(rng, log, fermi, size):
    """
    Draw what is seen in the fields of an observing log.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Where the chance comes from.
    log : dict
        What `~astroquery_cfx.archive.sky.fields.simulated_observations` gives.
    fermi : dict
        The 4FGL sources: besides what the log needs, ``major``, ``minor``, ``angle`` (95% ellipse, deg) and
        ``energy_flux`` (erg/s/cm2, 0.1-100 GeV).
    size : int
        Number of sources.

    Returns
    -------
    dict
        The columns of csc in the order of the names, and some more.
    """
    places = _places(log)
    special = [_counterparts(rng, places, fermi), _pointed_at(rng, places, size)]
    special = {name: np.concatenate([part[name] for part in special]) for name in special[0]}
    kept = np.sort(rng.permutation(len(special["ra"]))[:size])
    number = size - len(kept)
    special_plane = np.sum(np.abs(_galactic(special["ra"][kept], special["dec"][kept])[1]) <= 10)
    plane_share = np.clip((PLANE_SHARE * size - special_plane) / max(number, 1), 0.01, 0.99)
    background = _background(rng, places, number, plane_share)
    sources = {name: np.concatenate([special[name][kept], background[name]]) for name in special}
    _observe(rng, places, sources)
    _error_ellipses(rng, sources)
    _measured_positions(rng, sources)
    _fluxes(rng, sources)
    _flags(rng, sources, fermi)
    sources["lii"], sources["bii"] = _galactic(sources["ra"], sources["dec"])
    sources["__truth"] = np.append(fermi["name"], "")[sources["fermi"]]
    names, order = iau_names(sources["ra"], sources["dec"])
    return {"name": names, **{name: values[order] for name, values in sources.items()}}
