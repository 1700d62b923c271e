"""Catalogs in object storage by address and settings: pushed, pulled, and copied to be searched.

What asks a store is loaded on use: a search of a folder needs none of it.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from furniture_prompter.catalog.addresses import Address, address_of
from furniture_prompter.errors import CatalogFormatError
from furniture_prompter.settings import Settings

if TYPE_CHECKING:
    from furniture_prompter.catalog.following import LocalCopy
    from furniture_prompter.catalog.object_store import Store
    from furniture_prompter.domain import IndexProgress, PullSummary, PushSummary

_LOG: Final = logging.getLogger("furniture_prompter.catalog")


def _address(text: str) -> Address:
    address = address_of(text)
    if address is None:
        raise CatalogFormatError(f"{text} is no address. Write it as s3://BUCKET/PREFIX.")
    return address


def _store(address: Address, settings: Settings) -> "Store":
    from furniture_prompter.catalog.object_store import Store

    return Store(
        address,
        endpoint=settings.store_endpoint,
        timeout_s=settings.store_timeout_s,
        attempts=settings.store_attempts,
    )


def push(
    catalog: str | Path,
    address: str,
    *,
    replace: bool = False,
    settings: Settings | None = None,
    progress: "Callable[[IndexProgress], None]" = lambda _: None,
) -> "PushSummary":
    """Make a catalog's current version that of an address, whole or not at all.

    Args:
        catalog: The catalog's folder.
        address: ``s3://bucket/prefix``.
        replace: Whether it may take the place of a catalog that it does not come from.
        settings: Settings; from the environment when left out.
        progress: Called from time to time.

    Raises:
        CatalogBusyError: the address has what another pushed; nothing there was changed.
        CatalogError: see :mod:`furniture_prompter.errors`.
    """
    from furniture_prompter.catalog import pushing

    chosen = settings or Settings()
    return pushing.push(
        Path(catalog),
        _store(_address(address), chosen),
        replace=replace,
        grace_s=chosen.version_grace_s,
        connections=chosen.store_connections,
        progress=progress,
    )


def pull(
    address: str,
    catalog: str | Path,
    *,
    settings: Settings | None = None,
    progress: "Callable[[IndexProgress], None]" = lambda _: None,
) -> "PullSummary":
    """Make a folder a copy of an address's version, or bring a copy up to date.

    Args:
        address: ``s3://bucket/prefix``.
        catalog: The copy's folder; made where there is none.
        settings: Settings; from the environment when left out.
        progress: Called from time to time.

    Raises:
        CatalogFormatError: the folder holds something else, or was written since it was copied.
        CatalogError: see :mod:`furniture_prompter.errors`.
    """
    from furniture_prompter.catalog import copying

    chosen = settings or Settings()
    return copying.pull(
        _store(_address(address), chosen),
        Path(catalog),
        grace_s=chosen.version_grace_s,
        connections=chosen.store_connections,
        progress=progress,
    )


def copy_of(place: str | Path, settings: Settings) -> "LocalCopy | None":
    """What copies a catalog to this machine; None where it is a folder.

    Raises:
        CatalogFormatError, CatalogStoreError: it is an address that cannot be used.
    """
    address = address_of(place)
    if address is None:
        return None
    from furniture_prompter.catalog.following import LocalCopy

    return LocalCopy(
        _store(address, settings),
        settings.catalog_cache,
        grace_s=settings.version_grace_s,
        connections=settings.store_connections,
    )


def local_folder(place: str | Path, settings: Settings) -> Path:
    """The folder of a catalog; of an address, that of its copy, brought up to date.

    Where the store cannot be asked, a whole copy from before is as good, which is logged.

    Raises:
        CatalogError: there is no copy, and none can be made.
    """
    copy = copy_of(place, settings)
    if copy is None:
        return Path(place)
    folder, why = copy.newest()
    if why is not None:
        _LOG.warning("what was copied before is searched: %s", why)
    return folder
