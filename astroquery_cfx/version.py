# Licensed under a 3-clause BSD style license - see LICENSE
"""The version of the package."""

try:
    from ._version import version as version
except ImportError:  # a source tree that was never built
    version = "0.1.0.dev0"
