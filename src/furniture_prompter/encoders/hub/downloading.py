"""Files of one commit on a model hub, each held against the hash that the hub states for it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from huggingface_hub import HfApi, ModelInfo, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    FileMetadataError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    XetDownloadError,
)
from huggingface_hub.hf_api import RepoSibling

# Its own name for the client library, whose package changed its name between its versions.
from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # exported lazily

from furniture_prompter.encoders.hub.catalogue import UNSTATED_LICENCE
from furniture_prompter.encoders.hub.checkpoint import check_size
from furniture_prompter.errors import EncoderDamagedError, EncoderError, EncoderNotFoundError

_FAILURES = (
    EntryNotFoundError,
    FileMetadataError,
    httpx.HTTPError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    XetDownloadError,
)

_OTHER_WAY = (
    "Check the connection and HF_HUB_OFFLINE, or download the folder elsewhere and name it with "
    "--from."
)


class HubRepository:
    """One commit of a repository on the hub."""

    def __init__(self, repo: str, revision: str, *, endpoint: str | None = None) -> None:
        """Ask the hub what is there.

        Args:
            repo: ``owner/name``.
            revision: Branch, tag, ``refs/pr/N`` or commit.
            endpoint: The hub's address; None for what HF_ENDPOINT says.

        Raises:
            EncoderNotFoundError: there is no such repository or revision.
            EncoderError: the hub cannot be asked.
        """
        self._repo = repo
        self._endpoint = endpoint
        try:
            info: ModelInfo = HfApi(endpoint=endpoint).model_info(
                repo, revision=revision, files_metadata=True
            )
        except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
            raise EncoderNotFoundError(
                f"The hub has no {repo} at revision {revision!r} that you may read: {error}. "
                "Name another repository or --revision."
            ) from error
        except _FAILURES as error:
            raise EncoderError(f"Cannot ask the hub about {repo}: {error}. {_OTHER_WAY}") from error
        if info.sha is None:
            raise EncoderError(f"The hub names no commit of {repo}. {_OTHER_WAY}")
        self._commit = info.sha
        self._files: Mapping[str, RepoSibling] = {
            sibling.rfilename: sibling for sibling in info.siblings or ()
        }
        licence = info.card_data.get("license") if info.card_data else None
        self._licence = _spdx(licence) if isinstance(licence, str) else UNSTATED_LICENCE

    @property
    def names(self) -> tuple[str, ...]:
        """Files of the commit."""
        return tuple(self._files)

    @property
    def where(self) -> str:
        """The repository and its commit, for people and for the card."""
        return f"{self._repo}@{self._commit}"

    @property
    def licence(self) -> str:
        """What the repository states."""
        return self._licence

    def take(self, name: str, folder: Path) -> None:
        """Download a file into ``folder`` and verify it.

        Raises:
            EncoderDamagedError: what came is not what the hub says the file is.
            EncoderError: it is too large, or cannot be downloaded.
        """
        stated = self._files.get(name)
        if stated is None or stated.size is None:
            raise EncoderDamagedError(
                f"{self.where} has no {name}, which its index names. Name another --revision."
            )
        check_size(name, stated.size, self.where)
        try:
            hf_hub_download(
                self._repo,
                name,
                revision=self._commit,
                local_dir=folder,
                endpoint=self._endpoint,
            )
        except _FAILURES as error:
            raise EncoderError(
                f"Cannot download {name} of {self.where}: {error}. {_OTHER_WAY}"
            ) from error
        if not _is(folder / name, stated):
            raise EncoderDamagedError(
                f"{name} of {self.where} is not the file whose hash the hub states. Pull again; "
                "if it stays, something on the way alters downloads."
            )


def _is(path: Path, stated: RepoSibling) -> bool:
    """Whether a file is the one stated: by sha256 where the hub keeps one, else by git's hash.

    The hub keeps a sha256 of files in large file storage, which weights and large tokenizers are.
    Small ones lie in git itself: sha1 over ``blob <size>`` and the bytes (git's object format).
    """
    if path.stat().st_size != stated.size:
        return False
    if stated.lfs is not None:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest() == stated.lfs.sha256
    data = path.read_bytes()
    git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False)
    return git.hexdigest() == stated.blob_id


def _spdx(licence: str) -> str:
    known = {"apache-2.0": "Apache-2.0", "mit": "MIT", "cc-by-4.0": "CC-BY-4.0"}
    return known.get(licence, f"LicenseRef-{licence}")
