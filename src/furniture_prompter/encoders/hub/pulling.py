"""A teacher into the cache: taken, verified, checked by running it, and put in place at once."""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
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
from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # exported lazily

from furniture_prompter.atomic_files import sha256_of
from furniture_prompter.encoders.card import CARD_FILE, EncoderCard
from furniture_prompter.encoders.hub.architecture import (
    Architecture,
    join_shards,
    read_architecture,
    tensor_shapes,
)
from furniture_prompter.encoders.hub.catalogue import (
    TEACHERS,
    UNSTATED_LICENCE,
    KnownTeacher,
    known_teacher,
)
from furniture_prompter.encoders.hub.checkpoint import (
    INDEX_FILE,
    WEIGHTS_FILE,
    check_size,
    files_to_take,
    shards_of,
)
from furniture_prompter.encoders.hub.encoder import load_hub_encoder
from furniture_prompter.encoders.hub.preprocessing import (
    Normalisation,
    PromptTokenizer,
    read_preprocessor,
)
from furniture_prompter.encoders.registry import DEFAULTS, WEIGHTS_FOLDER
from furniture_prompter.errors import EncoderDamagedError, EncoderError, EncoderNotFoundError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


class CheckpointSource(Protocol):
    """Where a checkpoint's files come from."""

    @property
    def names(self) -> tuple[str, ...]:
        """Files that are there."""
        ...

    @property
    def where(self) -> str:
        """The place, for people and for the card."""
        ...

    @property
    def licence(self) -> str:
        """SPDX expression that the place states for the weights."""
        ...

    def take(self, name: str, folder: Path) -> None:
        """Put a file into ``folder``."""
        ...


class FolderSource:
    """A checkpoint in a local folder in the hub's layout."""

    licence = UNSTATED_LICENCE

    def __init__(self, folder: Path) -> None:
        """Take the folder; raises :class:`EncoderNotFoundError` where there is none."""
        if not folder.is_dir():
            raise EncoderNotFoundError(
                f"There is no folder {folder}. Name the folder that holds config.json and the "
                "weights."
            )
        self._folder = folder.resolve()

    @property
    def names(self) -> tuple[str, ...]:
        """Files directly in the folder."""
        return tuple(sorted(path.name for path in self._folder.iterdir() if not path.is_dir()))

    @property
    def where(self) -> str:
        """The folder's own name; the rest of its path says something about a machine only."""
        return f"the folder {self._folder.name}"

    def take(self, name: str, folder: Path) -> None:
        """Copy a file into ``folder``.

        Raises:
            EncoderError: it is missing, too large, or a link to somewhere outside.
        """
        path = self._folder / name
        if path.resolve().parent != self._folder:
            raise EncoderError(
                f"{path} is a link to a file outside its folder, which is not followed. Copy the "
                "folder with its files in place of the links (cp -rL) and name the copy."
            )
        try:
            check_size(name, path.stat().st_size, self.where)
            shutil.copyfile(path, folder / name)
        except OSError as error:
            raise EncoderError(
                f"Cannot copy {path}: {error}. Check that it is there, may be read, and that the "
                "cache's disk has space."
            ) from error


def pull(
    name: str,
    *,
    cache: Path,
    source: Path | None = None,
    revision: str | None = None,
    device: str | None = None,
    endpoint: str | None = None,
) -> EncoderCard:
    """Bring a teacher into the cache.

    Args:
        name: A name from the table of teachers, or ``owner/name`` of a repository on the hub; with
            ``source``, any name. The encoder is called by its last part from then on.
        cache: Folder that holds one folder for each encoder.
        source: A local folder in the hub's layout, instead of the hub.
        revision: Branch, tag, ``refs/pr/N`` or commit on the hub; the table's, or main, when left
            out. The commit that it stands for is written on the card.
        device: Where it is tried out; None takes the setting.
        endpoint: The hub's address; None for what HF_ENDPOINT says.

    Returns:
        The card of the encoder, which then lies in ``cache / card.name``.

    Raises:
        EncoderNotFoundError: there is no such teacher, folder, repository or revision.
        EncoderDamagedError: files are missing, altered, truncated, or do not fit together.
        EncoderError: a network, format or size that is not taken, or no connection.
    """
    called = name.rpartition("/")[2]
    if not _NAME.fullmatch(called):
        raise EncoderError(
            f"{name!r} is no name for an encoder. Use letters, digits, dots, dashes and "
            "underscores, beginning with a letter or digit."
        )
    if called in DEFAULTS or (WEIGHTS_FOLDER / called).exists():
        raise EncoderError(
            f"{called} is the name of an encoder that ships, which would hide the pulled one. "
            "Choose another name with --from."
        )
    known = known_teacher(name)
    with _replacing(cache / called) as folder:
        origin = _origin(name, source, revision, endpoint)
        card = _take(called, origin, known, folder)
        card.save(folder)
        _try_out(folder, device)
    return card


def _origin(
    name: str, source: Path | None, revision: str | None, endpoint: str | None
) -> CheckpointSource:
    if source is not None:
        if revision is not None:
            raise EncoderError("--revision is of the hub; leave it out with --from.")
        return FolderSource(source)
    # Half a second to import, and not needed for a local folder.
    from furniture_prompter.encoders.hub.pulling import HubRepository

    known = known_teacher(name)
    if known is not None:
        return HubRepository(known.repo, revision or known.revision, endpoint=endpoint)
    if not _REPOSITORY.fullmatch(name):
        raise EncoderNotFoundError(
            f"There is no teacher {name!r}. Name one of {', '.join(TEACHERS)}, imagenet-ensemble, "
            "a repository on the hub as owner/name, or a local folder with --from."
        )
    return HubRepository(name, revision or "main", endpoint=endpoint)


def _take(
    name: str, origin: CheckpointSource, known: KnownTeacher | None, folder: Path
) -> EncoderCard:
    """Fill ``folder`` and describe it, every check passed except running it."""
    taken = files_to_take(origin.names, origin.where)
    for file in taken:
        origin.take(file, folder)
    architecture = read_architecture(folder)
    weights = [WEIGHTS_FILE]
    if taken[-1] == INDEX_FILE:
        weights = list(shards_of(folder / INDEX_FILE))
        size_bytes = 0
        for file in weights:
            origin.take(file, folder)
            size_bytes += (folder / file).stat().st_size
            check_size(WEIGHTS_FILE, size_bytes, f"all shards of {origin.where}")
    came = {file: sha256_of(folder / file) for file in (*taken, *weights)}
    parameters = architecture.check_tensors(tensor_shapes([folder / file for file in weights]))
    if weights != [WEIGHTS_FILE]:
        join_shards([folder / file for file in weights], folder / WEIGHTS_FILE)
        for file in (*weights, INDEX_FILE):
            (folder / file).unlink()
    preprocessing, normalisation = read_preprocessor(folder)
    _check_fit(architecture, normalisation, known)
    if "text" in architecture.towers:
        PromptTokenizer.load(folder, architecture)
    kept = [file for file in taken if file not in {WEIGHTS_FILE, INDEX_FILE}]
    about = known.about if known else f"A {architecture.family} teacher."
    return EncoderCard(
        name=name,
        kind="image",
        runtime="hub",
        architecture=architecture.family,
        encodes_prompts="text" in architecture.towers,
        dimension=architecture.dimension,
        preprocessing=preprocessing,
        licence=known.licence if known else origin.licence,
        source=f"Pulled from {origin.where}",
        source_sha256=came,
        weights_file=WEIGHTS_FILE,
        weights_sha256=sha256_of(folder / WEIGHTS_FILE),
        weights_bytes=(folder / WEIGHTS_FILE).stat().st_size,
        other_files={file: came[file] for file in kept},
        parameters=parameters,
        description=about,
    )


def _check_fit(
    architecture: Architecture, normalisation: Normalisation, known: KnownTeacher | None
) -> None:
    """Refuse a checkpoint whose parts contradict each other, or the name it is pulled under."""
    if architecture.side_px not in {None, normalisation.crop_px}:
        raise EncoderDamagedError(
            f"The network takes {architecture.side_px} px and the image settings give "
            f"{normalisation.crop_px} px. Download both again, from the same revision."
        )
    if known is None:
        return
    found = (architecture.family, architecture.dimension, normalisation.crop_px)
    wanted = (known.family, known.dimension, known.side_px)
    if found != wanted:
        raise EncoderError(
            f"This checkpoint is {found[0]} with {found[1]} dimensions at {found[2]} px; by that "
            f"name, {wanted[0]} with {wanted[1]} at {wanted[2]} px is expected. Pull it under "
            "another name."
        )


def _try_out(folder: Path, device: str | None) -> None:
    """Run the encoder once, so that weights of not-a-number never reach a catalog."""
    encoder = load_hub_encoder(folder, device=device, verify=False)
    encoder.encode([np.full((8, 8, 3), 128, np.uint8)])
    if encoder.card.encodes_prompts:
        encoder.encode_prompts(["a chair"])


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A new folder that takes the place of ``target`` when the block ends without an error."""
    cache = target.parent
    try:
        cache.mkdir(parents=True, exist_ok=True)
        if target.exists() and not (target / CARD_FILE).is_file():
            raise EncoderError(
                f"{target} is there and holds no encoder. Move it away, or set "
                "FURNITURE_PROMPTER_ENCODER_CACHE to another folder."
            )
        # Two levels deep, so that nobody who looks for cards in the cache finds a half-made one.
        with tempfile.TemporaryDirectory(dir=cache, prefix=".pulling-") as place:
            new = Path(place) / "new"
            new.mkdir()
            yield new
            shutil.rmtree(new / ".cache", ignore_errors=True)  # what the hub's client notes down
            old = Path(place) / "old"
            if target.exists():
                target.rename(old)
            try:
                new.rename(target)
            except OSError:
                if old.exists():
                    old.rename(target)
                raise
    except OSError as error:
        raise EncoderError(
            f"Cannot write the encoder cache {cache}: {error}. Check its permissions and the space "
            "left on its disk, or set FURNITURE_PROMPTER_ENCODER_CACHE to another folder."
        ) from error


# Its own name for the client library, whose package changed its name between its versions.


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
        return sha256_of(path) == stated.lfs.sha256
    data = path.read_bytes()
    git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False)
    return git.hexdigest() == stated.blob_id


def _spdx(licence: str) -> str:
    known = {"apache-2.0": "Apache-2.0", "mit": "MIT", "cc-by-4.0": "CC-BY-4.0"}
    return known.get(licence, f"LicenseRef-{licence}")
