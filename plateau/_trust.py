"""Whether what lies on disk can only have been put there by this user or by the superuser."""

import os
import stat
from functools import cache
from pathlib import Path

OTHERS = stat.S_IWGRP | stat.S_IWOTH


@cache
def why_not(folder: str) -> str | None:
    """Say why other users may put files into a folder; None if they cannot.

    The folders above count too, up to one in which nobody can touch what is another's (``/tmp``).
    """
    if os.name != "posix":
        return None
    path = Path(os.path.realpath(folder))
    for each in (path, *path.parents):
        try:
            status = each.stat()
        except (FileNotFoundError, NotADirectoryError):  # it will be made, or not
            continue
        sticky = each != path and status.st_mode & stat.S_ISVTX
        if not owned(status):
            return f"{each} belongs to another user"
        if not sticky and not guarded(status):
            return f"other users may write to {each}"
        if sticky:
            break
    return None


def owned(status: os.stat_result) -> bool:
    """Whether a file belongs to this user or to the superuser."""
    return status.st_uid in (os.geteuid(), 0)


def guarded(status: os.stat_result) -> bool:
    """Whether nobody but its owner may write to a file, and perhaps a group of this user alone."""
    open_to = status.st_mode & OTHERS
    return not open_to or (open_to == stat.S_IWGRP and _is_private(status.st_gid))


@cache
def _is_private(group: int) -> bool:
    """Whether a group has the name of this user and no other members, as many systems make one."""
    import grp  # only where there are groups
    import pwd

    try:
        user, found = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    alone = set(found.gr_mem) <= {user.pw_name}
    return alone and group == user.pw_gid and found.gr_name == user.pw_name
