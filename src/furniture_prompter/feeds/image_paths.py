"""From what a row says to image files inside the feed's folder, and nowhere else."""

import os
import re
import unicodedata
from pathlib import Path
from typing import Final

from furniture_prompter.feeds.wording import UnusableValueError, shown

LIMIT_PATH_CHARACTERS: Final = 4_096
LIMIT_QUOTED_CHARACTERS: Final = 200

_ADDRESS = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]+:)?//|^(data|file|https?|ftps?|s3|gs):", re.A)


class ImageFolder:
    """The feed's folder, below which every image lies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def locate(self, reference: str) -> Path:
        """The existing file that a row means.

        Containment is decided on the resolved path, after every ``..`` and every symbolic link,
        and before the file is looked for: nothing outside the folder is ever opened, or told to
        exist.

        Args:
            reference: A path relative to the folder, or an absolute one inside it.

        Returns:
            The resolved path of a plain file below the folder.

        Raises:
            UnusableValueError: it is an address on the network, leads out of the folder, or is no
                file.
        """
        quoted = shown(reference, LIMIT_QUOTED_CHARACTERS)
        if _ADDRESS.match(reference):
            raise UnusableValueError(
                f"The image {quoted} is an address, and `index` does not download.",
                "Save the photos beside the feed and name the files.",
            )
        if len(reference) > LIMIT_PATH_CHARACTERS or "\0" in reference:
            raise UnusableValueError(
                f"The image {quoted} is no path of a file.", "Name a file beside the feed."
            )
        for spelling in _spellings(reference):
            path = self.contain(Path(spelling))
            if is_plain_file(path):
                return path
        if _is_folder(self.contain(Path(reference))):
            raise UnusableValueError(
                f"The image {quoted} is a folder.", "Name the image files in it."
            )
        if "\\" in reference:
            cure = "Write the path with forward slashes, relative to the feed's folder."
        else:
            cure = "Put the file there, or correct the path; it is relative to the feed's folder."
        raise UnusableValueError(f"The image file {quoted} is missing.", cure)

    def contain(self, path: Path) -> Path:
        """`path` with every ``..`` and link followed, whether something is there or not.

        Args:
            path: Relative to the folder, or absolute.

        Raises:
            UnusableValueError: it leads out of the folder, or is no path that the system takes.
        """
        quoted = shown(str(path), LIMIT_QUOTED_CHARACTERS)
        try:
            resolved = Path(os.path.realpath(self._folder / path))
        except (OSError, ValueError) as error:
            raise UnusableValueError(
                f"The image {quoted} is no path of a file.", "Name a file beside the feed."
            ) from error
        if not resolved.is_relative_to(self._folder):
            raise UnusableValueError(
                f"The image {quoted} lies outside the feed's folder.",
                "Copy the photo into the feed's folder and name it by its path there.",
            )
        return resolved


def _spellings(reference: str) -> list[str]:
    """Spellings of one path: archives made on a Mac hold decomposed accents."""
    spellings = [reference]
    if not reference.isascii():
        spellings += [unicodedata.normalize(form, reference) for form in ("NFC", "NFD")]
    return list(dict.fromkeys(spellings))


def is_plain_file(path: Path) -> bool:
    """Whether there is a plain file that can be reached."""
    try:
        return path.is_file()
    except OSError:  # a name longer than the file system takes, or a folder without permission
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False
