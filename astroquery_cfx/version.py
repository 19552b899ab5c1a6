# Licensed under a 3-clause BSD style license - see LICENSE
"""The version of the package, as the build wrote it down."""

try:
    from ._version import version
except ImportError:  # a source tree that was never built
    version = "0.1.0.dev0"
