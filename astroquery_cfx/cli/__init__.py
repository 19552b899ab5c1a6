# Licensed under a 3-clause BSD style license - see LICENSE
"""The command line."""

from .main import main

__all__ = ["main"]
