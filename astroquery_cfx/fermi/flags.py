# Licensed under a 3-clause BSD style license - see LICENSE
"""The analysis flags of the 4FGL catalogues as named bits.

After Table 5 of Abdollahi et al. 2020 (ApJS 247, 33) and Table 3 of Abdollahi
et al. 2022 (ApJS 260, 53), which added the last two.
"""

from enum import IntFlag

import numpy as np

__all__ = ["AnalysisFlag", "flag_names", "has_flag"]


class AnalysisFlag(IntFlag):
    """
    What may be wrong with a source; the bits of the column Flags.

    Examples
    --------
    >>> from astroquery_cfx.fermi.flags import AnalysisFlag
    >>> AnalysisFlag.CONFUSED in AnalysisFlag(48)
    True
    """

    #: TS above 35 went below 25 when the diffuse model or the method was changed
    TS_DROPPED = 1 << 0
    #: moved beyond its 95% ellipse when the diffuse model was changed
    POSITION_MOVED = 1 << 1
    #: flux changed by more than 3 sigma and 35% when the diffuse model or the method was changed
    FLUX_CHANGED = 1 << 2
    #: less than 10% of the background in the highest band with TS above 25
    LOW_CONTRAST = 1 << 3
    #: a brighter neighbour is close
    CONFUSED = 1 << 4
    #: on a clump of interstellar gas or a small defect of the diffuse model (names that end in c)
    GAS_CLUMP = 1 << 5
    #: poor localization, or long axis of the 95% ellipse above 0.25 deg
    POOR_LOCALIZATION = 1 << 8
    #: poor spectral fit, in all or in one band
    POOR_SPECTRAL_FIT = 1 << 9
    #: highly curved spectrum, whose curvature or index was fixed
    HIGHLY_CURVED = 1 << 11
    #: TS is below 25 in this release; kept from an earlier one
    BELOW_THRESHOLD = 1 << 12
    #: soft Galactic source without association, perhaps part of the diffuse emission
    SOFT_GALACTIC = 1 << 13


def flag_names(value):
    """
    Name the flags that are set.

    Parameters
    ----------
    value : int
        An entry of the column Flags.

    Returns
    -------
    list of str
        Names of `AnalysisFlag`; ``'BIT_n'`` for a bit that has no name here, counted from 1 as in the papers.

    Examples
    --------
    >>> from astroquery_cfx.fermi.flags import flag_names
    >>> flag_names(12304)
    ['CONFUSED', 'BELOW_THRESHOLD', 'SOFT_GALACTIC']
    """
    bits = int(value) & 0xFFFF  # stored as signed 16-bit integers
    names = {int(flag): flag.name for flag in AnalysisFlag}
    return [names.get(1 << bit, f"BIT_{bit + 1}") for bit in range(16) if bits >> bit & 1]


def has_flag(flags, flag):
    """
    Tell which sources have a flag.

    Parameters
    ----------
    flags : array_like of int
        The column Flags.
    flag : `AnalysisFlag` or str
        The flag, or its name.

    Returns
    -------
    `~numpy.ndarray` of bool
        True where at least one of the bits of ``flag`` is set.

    Examples
    --------
    >>> from astroquery_cfx.fermi.flags import has_flag
    >>> has_flag([0, 16, 48], "GAS_CLUMP")
    array([False, False,  True])
    """
    wanted = AnalysisFlag[flag.upper()] if isinstance(flag, str) else AnalysisFlag(flag)
    return (np.asarray(flags).astype(np.int64) & int(wanted)) != 0
