"""Files of a data set are regular ones: a pipe would be waited for for ever, a device fill the memory.

Their names are text, as tables and pages are.
"""

import stat
from pathlib import Path


def is_text(name: str) -> bool:
    """Whether UTF-8 can write a name: one in another encoding has lone surrogates in place of its bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def regular(path: Path) -> Path:
    """The same path, if it or what it links to is a regular file.

    Raises:
        FileNotFoundError: It does not exist.
        ValueError: It is a folder, pipe, socket or device, or a link that leads back to itself.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: not a file ({error})") from error
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        raise ValueError(f"{path}: expected a regular file, got {kinds.get(stat.S_IFMT(mode), 'a device')}")
    return path
