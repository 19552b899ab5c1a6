# Licensed under a 3-clause BSD style license - see LICENSE
"""The sources of the simulated sky: what is seen in its fields, and what explains 4FGL sources.

Totals and limits are those of the real csc (407,806 sources, 343,779 of them with a flux above
zero, 100,896 of these within 10 deg of the Galactic plane). As in `fields`, the order of the random
numbers is part of the sky.
"""

from typing import Any, NamedTuple

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.random import Generator
from numpy.typing import ArrayLike

from ...arrays import starts_run
from ...crossmatch.sphere import angle_of, chord, unit_vectors
from .fields import Arrays, scatter, source_classes

FIELD_RADIUS = 8.0  # arcmin
_POSITIVE_SHARE = 343_779 / 407_806
_PLANE_SHARE = 100_896 / 343_779
_SMALLEST_FLUX, _LARGEST_FLUX = 1.33e-18, 1.3178e-9  # erg/s/cm2
_MARGIN = 12 / 60  # arcmin that counterparts keep from the rim, because measured positions scatter
_ONE_COUNT = 1.2e-11  # erg/cm2 (0.5-7 keV): the fluence that gives one count on the axis of ACIS
# Standard deviation of a 2-D Gaussian in units of its 95% radius (1 / 2.4477). Not SIGMA_95 of
# crossmatch.ellipse, which differs in its last bit: the sky must not change.
_ONE_SIGMA = 1 / np.sqrt(-2 * np.log(0.05))
_SIMULATED_COUNTERPARTS = 0.6  # share of the 4FGL sources without a counterpart that are given one
_ANY_CLASS = {"log_flux_ratio": -2.0, "ratio_width": 0.8}  # of those not in data/classes.ecsv


class NumberCounts(NamedTuple):
    """A law log N - log S: a power law of N(>S) with a break; N is per square degree."""

    break_flux: float  # erg/s/cm2
    faint_slope: float
    bright_slope: float
    density: float  # N(>S) at 1e-14 erg/s/cm2, on the faint side

    def number_above(self, flux: np.ndarray) -> np.ndarray:
        """Return N(>S)."""
        slope = np.where(flux < self.break_flux, self.faint_slope, self.bright_slope)
        return self._at_break() * (flux / self.break_flux) ** -slope

    def draw_above(self, rng: Generator, limit: np.ndarray) -> np.ndarray:
        """Draw one flux above each limit: N(>S) is uniform from 0 to N(>limit)."""
        ratio = rng.random(len(limit)) * self.number_above(limit) / self._at_break()
        slope = np.where(ratio > 1, self.faint_slope, self.bright_slope)
        return self.break_flux * np.maximum(ratio, 1e-9) ** (-1 / slope)

    def _at_break(self) -> float:
        return self.density * (1e-14 / self.break_flux) ** self.faint_slope


# Beyond the Galaxy as in deep surveys (e.g. Luo et al. 2017, ApJS 228, 2); the law of stars is made
# up.
_BEYOND = NumberCounts(1.5e-14, 0.6, 1.5, 260.0)
_GALACTIC = NumberCounts(1e-13, 0.75, 1.3, 120.0)


def iau_names(
    ra: ArrayLike, dec: ArrayLike, *, prefix: str = "2CXO J"
) -> tuple[np.ndarray, np.ndarray]:
    """
    Return names after positions in degrees, in their order, and the row of each name.

    ``2CXO JHHMMSS.s+DDMMSS`` is truncated, not rounded, as the IAU asks for, with A, B, ... where
    several positions have the same name.

    >>> ra, dec = [187.705865, 83.633212, 187.705861], [12.391093, -22.01446, 12.39109]
    >>> names, order = iau_names(ra, dec)
    >>> names.tolist()
    ['2CXO J053431.9-220052', '2CXO J123049.4+122327A', '2CXO J123049.4+122327B']
    >>> order.tolist()
    [1, 0, 2]
    """
    ra, dec = np.asarray(ra, dtype=float), np.asarray(dec, dtype=float)
    tenths = np.floor(ra * 2400).astype(np.int64) % 864_000  # of seconds of time
    seconds = np.floor(np.abs(dec) * 3600).astype(np.int64)
    south = dec < 0
    order = np.lexsort((seconds, south, tenths))  # '+' comes before '-'
    tenths, seconds, south = tenths[order], seconds[order], south[order]
    clock = tenths // 36_000 * 100_000 + tenths // 600 % 60 * 1_000 + tenths % 600
    angle = seconds // 3600 * 10_000 + seconds // 60 % 60 * 100 + seconds % 60
    key = np.where(south, -1, 1) * (clock * 10**6 + angle + 1)
    starts = starts_run(key)
    letters = np.arange(len(key)) - np.maximum.accumulate(np.where(starts, np.arange(len(key)), 0))
    shared = ~starts | np.append(~starts[1:], [False])
    names = [
        f"{prefix}{c // 10:06d}.{c % 10}{'-' if s else '+'}{a:06d}{chr(65 + n) if more else ''}"
        for c, s, a, n, more in zip(
            *(array.tolist() for array in (clock, south, angle, letters, shared)), strict=True
        )
    ]
    return np.array(names, dtype=f"U{len(prefix) + 16}"), order


def _galactic(ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    galactic = SkyCoord(ra * u.deg, dec * u.deg).galactic
    return galactic.l.deg, galactic.b.deg


def _find_places(log: Arrays) -> dict:
    """Return one place per target of archived observations: position, exposure, flux limit."""
    # Imported here, because a sky from the cache needs no scipy, whose import takes long.
    from scipy.spatial import cKDTree

    rows = np.flatnonzero(
        (log["status"] == "archived") & (log["exposure"] > 0) & np.isfinite(log["ra"])
    )
    if not len(rows):  # a log of two or three observations: let what there is count
        rows = np.flatnonzero(np.isfinite(log["ra"]))
    _, first, place = np.unique(log["target"][rows], return_index=True, return_inverse=True)
    acis = np.char.startswith(log["detector"][rows], "ACIS")
    sensitivity = np.where(acis, 1.0, 0.2) * np.where(log["grating"][rows] == "NONE", 1.0, 0.3)
    names = ("ra", "dec", "crowded", "fermi")
    places: dict[str, Any] = {name: log[name][rows][first] for name in names}
    longitude, places["b"] = _galactic(places["ra"], places["dec"])
    places["l"] = (longitude + 180) % 360 - 180
    places["exposure"] = np.bincount(place, np.maximum(log["exposure"][rows], 1e3) * sensitivity)
    # Six counts are a detection; background counts for more in long exposures.
    places["limit"] = 6 * _ONE_COUNT / places["exposure"] * np.sqrt(1 + places["exposure"] / 1e6)
    places["tree"] = cKDTree(unit_vectors(places["ra"], places["dec"]))
    places["fields"] = [
        cKDTree(unit_vectors(log["ra"][rows][chosen], log["dec"][rows][chosen]))
        for chosen in (acis, ~acis)
    ]
    return places


def _sources(
    ra: np.ndarray, dec: np.ndarray, flux: np.ndarray, *, kind: int, fermi: ArrayLike = -1
) -> Arrays:
    """Return sources as arrays; kinds are 0 (background), 1 (pointed at) and 2 (counterparts)."""
    fermi, kinds = np.broadcast_to(fermi, len(ra)), np.full(len(ra), kind)
    return {"ra": ra, "dec": dec, "flux": flux, "fermi": fermi, "kind": kinds}


def _draw_background(rng: Generator, places: dict, number: int, plane_share: float) -> Arrays:
    """Draw sources that happen to lie in the fields, a share of them within 10 deg of the plane."""
    # How much denser than at the poles Galactic sources are: disc, bulge and Galactic Centre.
    longitude, latitude = np.abs(places["l"]), np.abs(places["b"])
    disc = 2 * np.exp(-latitude / 3) * (0.4 + np.exp(-((longitude / 50) ** 2)))
    bulge = 4 * np.exp(-np.hypot(longitude, 1.5 * latitude) / 3)
    centre = 34 * np.exp(-np.hypot(places["l"] + 0.056, 2 * (places["b"] + 0.046)) / 0.35)
    stars = 0.15 + disc * places["crowded"] + bulge + centre
    # Gas in the plane hides half of what lies behind it.
    beyond = _BEYOND.number_above(places["limit"]) * (1 - 0.5 * np.exp(-np.abs(places["b"]) / 2))
    galactic = _GALACTIC.number_above(places["limit"]) * stars
    weight = beyond + galactic
    plane = np.abs(places["b"]) <= 10
    inside, outside = weight[plane].sum(), weight[~plane].sum()
    if inside > 0 and outside > 0:
        weight = weight * np.where(plane, plane_share / inside, (1 - plane_share) / outside)
    place = np.repeat(np.arange(len(weight)), rng.multinomial(number, weight / weight.sum()))
    is_galactic = rng.random(number) < (galactic / (beyond + galactic))[place]
    # The limit grows outwards as 1 + (r / 5')^2, so numbers go as the integral of r (1 + (r /
    # 5')^2)^-0.6.
    rim = (1 + (FIELD_RADIUS / 5) ** 2) ** 0.4
    off_axis = 5 * np.sqrt((1 + rng.random(number) * (rim - 1)) ** 2.5 - 1)
    off_axis = np.minimum(off_axis, FIELD_RADIUS * (1 - 1e-9))
    ra, dec = scatter(
        places["ra"][place], places["dec"][place], off_axis / 60, rng.uniform(0, 360, number)
    )
    limit = places["limit"][place] * (1 + (off_axis / 5) ** 2)
    flux = np.where(is_galactic, _GALACTIC.draw_above(rng, limit), _BEYOND.draw_above(rng, limit))
    # Seen in another band only, next to nothing is left in the broad one.
    faint = rng.random(number) < 0.015
    flux[faint] = _SMALLEST_FLUX * (flux[faint] / _SMALLEST_FLUX) ** rng.random(faint.sum())
    return _sources(ra, dec, flux, kind=0)


def _draw_pointed_at(rng: Generator, places: dict, number: int) -> Arrays:
    """Draw what the fields were pointed at: one bright source in most places."""
    chosen = np.flatnonzero(places["fermi"] < 0)
    chosen = np.sort(rng.permutation(chosen)[: min(round(0.8 * len(chosen)), number // 4)])
    size = len(chosen)
    ra, dec = scatter(
        places["ra"][chosen],
        places["dec"][chosen],
        rng.rayleigh(3 / 3600, size),
        rng.uniform(0, 360, size),
    )
    # One draw from each of equal parts of the law: the mean of so wide a law would jump with the
    # seed else.
    part = (rng.permutation(size) + rng.random(size)) / max(size, 1)
    flux = np.clip(1.2e-13 * (1 - part) ** -1.05, None, _LARGEST_FLUX)
    return _sources(ra, dec, flux, kind=1)


def _draw_counterparts(rng: Generator, places: dict, fermi: Arrays) -> Arrays:
    """Return the known counterparts in the fields, and some drawn for 4FGL sources without one."""

    def inside(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        nearest, _ = places["tree"].query(unit_vectors(ra, dec))
        return nearest < chord((FIELD_RADIUS - _MARGIN) / 60)

    known = np.flatnonzero(np.isfinite(fermi["counterpart_ra"]))
    known = known[inside(fermi["counterpart_ra"][known], fermi["counterpart_dec"][known])]
    # Where 4FGL sources share a counterpart, as two of the Crab do, the first of them is named.
    place = np.round(np.stack([fermi["counterpart_ra"][known], fermi["counterpart_dec"][known]]), 3)
    known = known[np.sort(np.unique(place, axis=1, return_index=True)[1])]

    # The others must lie in fields with their ellipse out to 99.9%, so that no draw is lost at a
    # rim.
    lonely = np.flatnonzero(~np.isfinite(fermi["counterpart_ra"]) & np.isfinite(fermi["major"]))
    ra, dec = fermi["ra"][lonely], fermi["dec"][lonely]
    reach = np.sqrt(-2 * np.log(0.001)) * _ONE_SIGMA * fermi["major"][lonely]
    whole = inside(ra, dec)
    for fraction in (0.5, 1.0):
        for angle in np.arange(0, 360, 22.5):
            whole &= inside(*scatter(ra, dec, fraction * reach, np.full(len(lonely), angle)))
    lonely = lonely[whole]
    drawn = np.sort(rng.permutation(lonely)[: round(_SIMULATED_COUNTERPARTS * len(lonely))])
    radius = _ONE_SIGMA * np.sqrt(-2 * np.log(1 - 0.999 * rng.random(len(drawn))))
    phase = rng.uniform(0, 2 * np.pi, len(drawn))
    along = fermi["major"][drawn] * radius * np.cos(phase)
    across = fermi["minor"][drawn] * radius * np.sin(phase)
    angle = fermi["angle"][drawn] + np.degrees(np.arctan2(across, along))
    ra, dec = scatter(fermi["ra"][drawn], fermi["dec"][drawn], np.hypot(along, across), angle)

    rows = np.concatenate([known, drawn])
    ra = np.concatenate([fermi["counterpart_ra"][known], ra])
    dec = np.concatenate([fermi["counterpart_dec"][known], dec])
    classes = [source_classes().get(code, _ANY_CLASS) for code in fermi["class"][rows]]
    ratio = rng.normal(
        [properties["log_flux_ratio"] for properties in classes],
        [properties["ratio_width"] for properties in classes],
    )
    flux = np.minimum(fermi["energy_flux"][rows] * 10**ratio, 0.7 * _LARGEST_FLUX)
    return _sources(ra, dec, flux, kind=2, fermi=rows)


def _observe(rng: Generator, places: dict, sources: Arrays) -> None:
    """Add what the telescope makes of them: off-axis angle, counts, ellipse, measured position."""
    vectors = unit_vectors(sources["ra"], sources["dec"])
    distance, place = places["tree"].query(vectors)
    sources["off_axis"] = off_axis = 60 * angle_of(distance)  # arcmin
    sources["limit"] = places["limit"][place] * (1 + (off_axis / 5) ** 2)
    # A catalogue holds what was detected: a counterpart is never far below the limit.
    flux = sources["flux"]
    flux = np.where(sources["kind"] == 2, np.hypot(flux, 1.5 * sources["limit"]), flux)
    exposure = places["exposure"][place] / (1 + 0.3 * (off_axis / FIELD_RADIUS) ** 2)
    expected = np.maximum(flux * exposure / _ONE_COUNT, 3.0)
    sources["counts"] = np.maximum(rng.poisson(expected), 3)
    # The energy of a count differs from source to source, with the spectrum.
    spectrum = 10 ** rng.normal(0, 0.12, len(vectors))
    flux = flux * spectrum * sources["counts"] / expected
    # Folded back at the ends, where a cut would pile up equal values.
    flux = np.maximum(flux, _SMALLEST_FLUX**2 / flux)
    sources["flux"] = np.minimum(flux, _LARGEST_FLUX**2 / flux)
    sources["crowding"] = np.bincount(place, minlength=len(places["ra"]))[place]
    for name, tree in zip(("acis_num", "hrc_num"), places["fields"], strict=True):
        sources[name] = np.zeros(len(vectors), int)
        if tree.n:
            near = chord(FIELD_RADIUS / 60)
            sources[name] = tree.query_ball_point(vectors, near, return_length=True)

    # 95% ellipses in arcsec: Kim et al. 2007 (ApJS 169, 401, eq. 12) on a floor of 0.29 arcsec.
    counts = np.log10(sources["counts"])
    radius = 10 ** np.where(
        counts < 2.1393,
        0.1145 * off_axis - 0.4958 * counts + 0.1932,
        0.0968 * off_axis - 0.2064 * counts - 0.4260,
    )
    major = np.hypot(radius * rng.uniform(0.85, 1.15, len(radius)), 0.29)
    # Off axis the image is an ellipse.
    minor = np.maximum(major * (1 - rng.uniform(0, 0.06, len(major)) * off_axis), 0.29)
    angle = rng.uniform(0, 180, len(major))
    sources |= {"error_ellipse_r0": major, "error_ellipse_r1": minor, "error_ellipse_angle": angle}
    # Background sources were drawn where they are seen: only true places need the scatter.
    along = rng.normal(size=len(major)) * _ONE_SIGMA * major
    across = rng.normal(size=len(major)) * _ONE_SIGMA * minor
    known = np.flatnonzero(sources["kind"] > 0)
    sources["ra"][known], sources["dec"][known] = scatter(
        sources["ra"][known],
        sources["dec"][known],
        np.hypot(along, across)[known] / 3600,
        (angle + np.degrees(np.arctan2(across, along)))[known],
    )


def _measure_fluxes(rng: Generator, sources: Arrays) -> None:
    """Add fluxes with 68% limits in two bands; zeros, and no value where only HRC looked."""
    size, counts = len(sources["flux"]), sources["counts"]
    dark = sources["acis_num"] == 0
    zero = np.zeros(size, bool)
    # Exactly as many zeros as leave the share of positive fluxes right, the faintest most likely:
    # the largest keys of Gumbel's draw without replacement.
    missing = size - round(_POSITIVE_SHARE * size) - dark.sum()
    keys = np.where(dark | (sources["kind"] > 0), -np.inf, rng.gumbel(size=size) - np.log(counts))
    if missing > 0:
        zero[np.argpartition(-keys, missing - 1)[:missing]] = True
    zero &= np.isfinite(keys)
    # The error of a small number of counts, upwards (Gehrels 1986, ApJ 303, 336).
    relative = (1 + np.sqrt(counts + 0.75)) / counts
    for band, share in (("b", 1.0), ("m", 0.28)):
        spread = 1.0 if band == "b" else 10 ** rng.normal(0, 0.15, size)
        flux = np.where(zero, 0.0, share * spread * sources["flux"])
        if band == "m":
            flux = np.where(rng.random(size) < np.clip(2 / counts, 0, 0.4), 0.0, flux)
        scale = np.where(flux > 0, flux, 0.5 * share * sources["limit"])
        error = scale * relative * rng.uniform(0.9, 1.1, size)
        sources[f"{band}_flux_ap"] = np.where(dark, np.nan, flux)
        sources[f"{band}_flux_ap_lo"] = np.where(dark, np.nan, np.maximum(flux - 0.9 * error, 0))
        sources[f"{band}_flux_ap_hi"] = np.where(dark, np.nan, flux + error)


def _set_flags(rng: Generator, sources: Arrays, fermi: Arrays) -> None:
    """Add significance, hardness ratios and flags."""
    size, counts = len(sources["flux"]), sources["counts"]
    dark, empty = sources["acis_num"] == 0, sources["b_flux_ap"] == 0
    sources["significance"] = counts / np.sqrt(counts + 2) * rng.uniform(0.9, 1.1, size) + 0.5
    for name, mean in (("hardness_ratio_hs", 0.0), ("hardness_ratio_hm", 0.1)):
        # The real ratios are multiples of 1 / 1000.62.
        ratio = np.clip(np.round(1000.62 * rng.normal(mean, 0.45, size)) / 1000.62, -1, 1)
        ratio = np.where(empty & (rng.random(size) < 0.5), np.sign(ratio), ratio)
        sources[name] = np.where(dark | (empty & (rng.random(size) < 0.02)), np.nan, ratio)
    extended = [code for code, row in source_classes().items() if row["extended"]]
    is_extended = np.isin(np.append(fermi["class"], "")[sources["fermi"]], extended)
    flags = {
        "var_flag": rng.random(size) < np.clip(0.03 + 0.05 * np.log10(counts), 0, 0.6),
        "conf_flag": rng.random(size) < np.clip(sources["crowding"] / 3000, 0.02, 0.7),
        "extent_flag": (rng.random(size) < 0.06) | is_extended,
        "sat_src_flag": sources["flux"] > 5e-11,
        "pileup_flag": (sources["flux"] > 4e-12) & (rng.random(size) < 0.7),
    }
    sources |= {name: np.where(is_set, "T", "F") for name, is_set in flags.items()}


def simulated_sources(rng: Generator, log: Arrays, fermi: Arrays, size: int) -> Arrays:
    """
    Draw what is seen in the fields of an observing log (of `fields.simulated_observations`).

    ``fermi`` are the 4FGL sources: besides what the log needs, ``major``, ``minor``, ``angle`` (95%
    ellipse, deg) and ``energy_flux`` (erg/s/cm2, 0.1-100 GeV).

    Return the columns of csc in the order of the names, and some more.
    """
    places = _find_places(log)
    parts = [_draw_counterparts(rng, places, fermi), _draw_pointed_at(rng, places, size)]
    special = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    kept = np.sort(rng.permutation(len(special["ra"]))[:size])
    number = size - len(kept)
    special_plane = np.sum(np.abs(_galactic(special["ra"][kept], special["dec"][kept])[1]) <= 10)
    plane_share = np.clip((_PLANE_SHARE * size - special_plane) / max(number, 1), 0.01, 0.99)
    background = _draw_background(rng, places, number, plane_share)
    sources = {name: np.concatenate([special[name][kept], background[name]]) for name in special}
    _observe(rng, places, sources)
    _measure_fluxes(rng, sources)
    _set_flags(rng, sources, fermi)
    sources["lii"], sources["bii"] = _galactic(sources["ra"], sources["dec"])
    sources["__truth"] = np.append(fermi["name"], "")[sources["fermi"]]
    names, order = iau_names(sources["ra"], sources["dec"])
    return {"name": names, **{name: values[order] for name, values in sources.items()}}
