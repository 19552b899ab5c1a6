# Licensed under a 3-clause BSD style license - see LICENSE
"""The simulated sky that the embedded archive serves when it is given nothing else."""

from .simulation import draw_sky, simulated_sky

__all__ = ["draw_sky", "simulated_sky"]
