# Licensed under a 3-clause BSD style license - see LICENSE
"""Files that are whole or absent: written aside, then renamed."""

import errno
import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import OutputError

__all__ = ["write_aside"]

# What the disk says no with. Other OSErrors (requests' errors are OSErrors too) pass through.
_DISK_ERRORS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EIO,
    errno.EFBIG,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENOENT,
    errno.ENAMETOOLONG,
}


@contextmanager
def write_aside(path):
    """
    Write a file so that it is whole or absent.

    The file is written under a temporary name in the same folder, flushed to
    disk, and renamed when the block ends without an error. After an error
    nothing is left and an older file of that name stays as it was.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The file to write. Its folder is made where it is missing.

    Yields
    ------
    `~pathlib.Path`
        The temporary path to write to. It ends in the same name, and is an empty file.

    Raises
    ------
    OutputError
        If the folder or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from astroquery_cfx.files import write_aside
    >>> folder = Path(tempfile.mkdtemp())
    >>> with write_aside(folder / "note.txt") as aside:
    ...     _ = aside.write_text("whole")
    >>> (folder / "note.txt").read_text()
    'whole'
    """
    path = Path(path)
    aside = path.with_name(f".aside-{os.getpid()}-{secrets.token_hex(4)}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.touch(exist_ok=False)
        yield aside
        with open(aside, "rb") as written:
            os.fsync(written.fileno())
        os.replace(aside, path)
    except OSError as error:
        if error.errno not in _DISK_ERRORS or isinstance(error, OutputError):
            raise
        raise OutputError(
            f"{path} could not be written: {error.strerror}.",
            kept="an older file of that name is unchanged.",
            remedy="name a folder that you may write to and that has room.",
        ) from error
    finally:
        with suppress(
            OSError
        ):  # a parent that is a file, or no right to look: nothing was written there
            aside.unlink(missing_ok=True)
