"""Every error that Furniture Prompter raises, in one tree.

FurniturePrompterError                 anything this project refuses; the message names the cure
├── InvalidQueryError                  a query that cannot be answered as it stands
│   ├── InvalidFilterError             a `where` expression that does not parse or fit the columns
│   └── NotInCatalogError              a product or a photo that the catalog does not have
│       ├── ProductNotFoundError       no product of that id
│       └── PhotoNotFoundError         no photo of that id, or its file is gone
├── InvalidPhotoError                  bytes that are no usable photo
├── DecodingBusyError                  other photos take all the memory for decoding
├── InvalidFeedError                   a feed that cannot be read at all
├── TooManyRemovedError                a run that would remove more than it may unasked
├── CrawlError                         a shop that cannot be crawled as asked
├── CatalogError                       a catalog that cannot be used
│   ├── CatalogNotFoundError           nothing is there
│   ├── VersionNotKeptError            a version whose data is not kept
│   ├── CatalogFormatError             written by another format version, or not a catalog
│   ├── CatalogMismatchError           vectors of another encoder, preprocessing or metric
│   ├── CatalogBusyError               another index run is writing it
│   ├── CatalogDamagedError            a file that the manifest names is missing or altered
│   ├── CatalogStoreError              object storage that does not answer, refuses, or is altered
│   └── CatalogWriteError              the disk is full, read-only or gone
├── InvalidThesaurusError              a shop's thesaurus that cannot be read
├── InvalidRoomsError                  a shop's file of rooms that cannot be read
├── EncoderError                       an encoder that cannot be used
│   ├── EncoderNotFoundError           no encoder of that name or folder
│   └── EncoderDamagedError            a card or a weights file that is not what it says
├── DistillationError                  a student that cannot be trained or exported
├── ServeError                         the API cannot be served as it is set up
└── BenchmarkError                     a measurement that cannot be made or read

A single bad row or photo of a feed is never raised past the feed: it becomes a
:class:`furniture_prompter.domain.SetAside` record with file, line and reason, and the rest goes on.
"""


def install_line(extra: str) -> str:
    """The sentence that installs an extra; from a clone, for the package is on no index yet."""
    return f"Run in a clone of Furniture Prompter: pip install -e '.[{extra}]'"


class FurniturePrompterError(Exception):
    """Base of every error that this package raises on purpose."""


class InvalidQueryError(FurniturePrompterError):
    """The query cannot be answered as it stands: empty, too long, out of range."""


class InvalidFilterError(InvalidQueryError):
    """A `where` expression does not parse, or names a column the catalog does not have."""


class NotInCatalogError(InvalidQueryError):
    """The catalog has no such thing."""


class ProductNotFoundError(NotInCatalogError):
    """The catalog has no product of that id."""


class PhotoNotFoundError(NotInCatalogError):
    """The catalog has no photo of that id, or the photo's file is gone."""


class InvalidPhotoError(FurniturePrompterError):
    """The bytes are no usable photo: damaged, empty, too large, or of an unknown format."""


class DecodingBusyError(FurniturePrompterError):
    """Other photos took all the memory that decoding may take, for too long."""


class InvalidFeedError(FurniturePrompterError):
    """The feed as a whole cannot be read; single bad rows are set aside instead."""


class TooManyRemovedError(FurniturePrompterError):
    """The run would remove more of the catalog than it may without being told to; none was."""


class CrawlError(FurniturePrompterError):
    """A shop cannot be crawled as asked: it forbids it, does not answer, or an extra is missing."""


class CatalogError(FurniturePrompterError):
    """The catalog cannot be used."""


class CatalogNotFoundError(CatalogError):
    """There is no catalog at the path."""


class VersionNotKeptError(CatalogError):
    """The catalog never had a version of that number, or its data was deleted."""


class CatalogFormatError(CatalogError):
    """The path holds no catalog, or one of a format version this release does not read."""


class CatalogMismatchError(CatalogError):
    """The catalog's vectors come from another encoder, preprocessing or metric."""


class CatalogBusyError(CatalogError):
    """Another process is writing the catalog."""


class CatalogDamagedError(CatalogError):
    """A file that the catalog's manifest names is missing or altered."""


class CatalogStoreError(CatalogError):
    """Object storage does not answer, refuses, or does not hold what was pushed there."""


class CatalogWriteError(CatalogError):
    """The catalog cannot be written: disk full, read-only, or gone."""


class InvalidThesaurusError(FurniturePrompterError):
    """A shop's thesaurus cannot be read; the message names file, line and cure."""


class InvalidRoomsError(FurniturePrompterError):
    """A shop's file of rooms cannot be read; the message names file, line and cure."""


class EncoderError(FurniturePrompterError):
    """The encoder cannot be used."""


class EncoderNotFoundError(EncoderError):
    """No encoder of that name, and no encoder folder at that path."""


class EncoderDamagedError(EncoderError):
    """An encoder's card or weights are missing, altered or malformed."""


class DistillationError(FurniturePrompterError):
    """A student cannot be trained or exported as asked, or failed a gate; nothing was lost."""


class ServeError(FurniturePrompterError):
    """The API cannot be served as it is set up: keys, origins or addresses do not fit."""


class BenchmarkError(FurniturePrompterError):
    """A measurement cannot be made as asked, or a filed one cannot be read."""
