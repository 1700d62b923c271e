"""Writing down what shoppers ask and click, where the setting ``events`` names a folder.

A line is written at once and appended, so that several workers write into one file; a full one is
renamed by one of them, under a lock. Nobody is named in it: no address, no cookie; a session lasts
as long as a tab's page. Of photos that found nothing small pictures are kept where the setting
``event_photos`` says how many.
"""

import json
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal
from uuid import uuid4

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field

from furniture_prompter.domain.behaviour import APPLICATION, EVENTS_FILE, OLDER, QUERIES_FILE
from furniture_prompter.errors import ServeError
from furniture_prompter.feeds.rows import LIMIT_ID
from furniture_prompter.timing import utc_now
from furniture_prompter.web.unmet_photos import UnmetPhotos

_LOG = logging.getLogger("furniture_prompter.web")

# A file of this size is renamed and begun anew, so that at most twice as much lies there.
_LIMIT_BYTES: Final = 64_000_000
_LOCK: Final = ".rotation.lock"
# Whoever renames takes microseconds; a search is not to wait for a disk that hangs.
_WAIT_S: Final = 1.0


class EventRequest(BaseModel):
    """What a page tells of a hit, as :meth:`BehaviourLog.event` takes it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    query: str = Field(pattern=r"^[0-9a-f]{32}$")
    session: str = Field(min_length=1, max_length=64)
    action: Literal["click", "similar", "compare"]
    product: str = Field(min_length=1, max_length=LIMIT_ID)
    place: int = Field(ge=1, le=100_000)


class BehaviourLog:
    """Appends queries and events to the files of one folder.

    Safe to use from several threads, and for several processes that have one each.

    Attributes:
        photos: Where photos that found nothing are kept; None where none are.
    """

    def __init__(
        self, folder: Path, limit_bytes: int = _LIMIT_BYTES, *, limit_photos: int = 0
    ) -> None:
        """Make the folder, if it is not there.

        Args:
            folder: Where the files lie.
            limit_bytes: Largest file.
            limit_photos: Photos that found nothing of which a small picture is kept; 0 keeps none,
                and those that were kept before go.

        Raises:
            ServeError: it cannot be written.
        """
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._kept = UnmetPhotos(folder, limit_photos)
        self.photos = self._kept if limit_photos else None
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in (QUERIES_FILE, EVENTS_FILE):
                self._append(name, b"")
        except OSError as error:
            raise ServeError(
                f"Events cannot be written to {folder} ({error.strerror}). Mend its permissions, "
                "or name another folder with --events."
            ) from error

    def query(self, words: str, attributes: Mapping[str, object], hits: Sequence[str]) -> str:
        """Write a query down.

        Args:
            words: Its prompt; empty without one.
            attributes: What else it had, and how it was answered.
            hits: Ids of the products that are shown, in their order.

        Returns:
            The id by which events name it.
        """
        query_id = uuid4().hex
        self._kept.forget_daily()
        self._write(
            QUERIES_FILE,
            {
                "application": APPLICATION,
                "query_id": query_id,
                "timestamp": utc_now(),
                "user_query": words,
                "object_id_field": "id",
                "query_response_id": query_id,
                "query_response_hit_ids": list(hits),
                "query_attributes": dict(attributes),
            },
        )
        return query_id

    def event(self, query_id: str, session_id: str, action: str, product: str, place: int) -> None:
        """Write down what was done with a hit.

        Args:
            query_id: As :meth:`query` gave it.
            session_id: What the tab calls itself.
            action: ``click``, ``similar`` or ``compare``.
            product: The product's id.
            place: Where it stood among the hits, from 1.
        """
        self._write(
            EVENTS_FILE,
            {
                "application": APPLICATION,
                "action_name": action,
                "query_id": query_id,
                "session_id": session_id,
                "timestamp": utc_now(),
                "message_type": "CLICK_THROUGH",
                "event_attributes": {
                    "object": {"object_id": product, "object_id_field": "id"},
                    "position": {"ordinal": place},
                },
            },
        )

    def _write(self, name: str, value: Mapping[str, Any]) -> None:
        line = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        try:
            self._append(name, line.encode("utf-8", "replace") + b"\n")
        except OSError as error:
            # Whoever searches is answered all the same.
            _LOG.error("an event could not be written: %s", error.strerror)

    def _append(self, name: str, data: bytes) -> None:
        path = self._folder / name
        with self._lock:
            if self._is_full(path, len(data)):
                self._rotate(path, len(data))
            place = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(place, data)
            finally:
                os.close(place)

    def _is_full(self, path: Path, further_bytes: int) -> bool:
        try:
            return path.stat().st_size + further_bytes > self._limit_bytes
        except FileNotFoundError:
            return False

    def _rotate(self, path: Path, further_bytes: int) -> None:
        """Rename a full file; where another process does, it is left to that one."""
        try:
            with FileLock(self._folder / _LOCK, timeout=_WAIT_S, mode=0o600):
                # Another may have done it since: the file that is there now may hold a line.
                if self._is_full(path, further_bytes):
                    path.replace(path.with_name(path.name + OLDER))
        except Timeout:
            _LOG.warning("%s is over its size, and another process holds it.", path.name)
