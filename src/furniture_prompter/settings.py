"""Settings: name, unit, default and range of each; read by the interfaces and passed down."""

import json
import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, IPvAnyNetwork
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _user_cache(name: str) -> Path:
    # The XDG base directory specification: unset, empty or relative means ~/.cache.
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    base = given if given.is_absolute() else Path("~/.cache").expanduser()
    return base / "furniture-prompter" / name


SHIPPED_DETECTOR = Path(__file__).parent / "encoders" / "detectors" / "rooms"
"""Folder of the detector that ships."""


def _none_of(value: object) -> object:
    """Nothing for the word `none`; a folder of that name is told by its whole path."""
    return None if value in ("none", Path("none")) else value


# A name, an address, `*.` before a name, or `*`: no scheme, no port and no path.
HostPattern = Annotated[
    str,
    Field(pattern=r"^(\*|(\*\.)?[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])$"),
    AfterValidator(str.lower),
]
# A name or an address with its port, as a connection names it.
PrivateHost = Annotated[
    str,
    Field(pattern=r"^([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$"),
    AfterValidator(str.lower),
]


def _listed(value: object) -> object:
    """A list as JSON, as every other setting's, or hosts with commas between."""
    if not isinstance(value, str):
        return value
    # An IPv6 address in brackets ends with its port.
    if value.strip().startswith("[") and value.strip().endswith("]"):
        return json.loads(value)
    return [part.strip() for part in value.split(",") if part.strip()]


class Settings(BaseSettings):
    """Settings of one process; each can be given in the environment as FURNITURE_PROMPTER_<NAME>.

    Defaults of what decides speed or quality were chosen by the measurements under
    ``benchmarks/results``; the decision records under ``docs/decisions`` say which.
    """

    model_config = SettingsConfigDict(
        env_prefix="FURNITURE_PROMPTER_", extra="forbid", frozen=True, validate_default=True
    )

    encoder: str = Field(
        default="default",
        description="Photo encoder: a name, or an encoder's folder. The default leaves a catalog "
        "that is there its own, and is EfficientNet-Lite2 for a new one.",
    )
    prompt_encoder: str = Field(
        default="default-prompt",
        description="Prompt encoder: a name, or an encoder's folder. The default leaves a catalog "
        "that is there its own.",
    )
    encoder_device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|mps|cuda(:[0-9]+)?)$",
        description="Where teachers run: auto (CUDA, else Apple MPS, else the CPU), cpu, cuda, "
        "cuda:1, mps.",
    )
    # Nobody expands a tilde that comes from a file of environment variables.
    encoder_cache: Annotated[Path, AfterValidator(Path.expanduser)] = Field(
        default_factory=lambda: _user_cache("encoders"),
        description="Folder of pulled and built encoders; below XDG_CACHE_HOME, or ~/.cache, "
        "unless given.",
    )
    text_tower: str | None = Field(
        default=None,
        description="Encoder whose text tower takes prompts into the photos' space: a name, or an "
        "encoder's folder. Where it is not given, a catalog's own tower or alignment does.",
    )
    language: str | None = Field(
        default=None,
        description="Language of the keyword index of new catalogs; unless given, the one that "
        "most of the first feed's products are told in, and english where they do not tell.",
    )
    thesaurus: Annotated[Path, AfterValidator(Path.expanduser)] | None = Field(
        default=None,
        description="A shop's own words for furniture, beside the built-in thesaurus; its form is "
        "in docs/prompts.md.",
    )
    detector: Annotated[
        Annotated[Path, AfterValidator(Path.expanduser)] | None, BeforeValidator(_none_of)
    ] = Field(
        default_factory=lambda: SHIPPED_DETECTOR,
        description="Folder of a detector that finds pieces in photos of rooms, instead of the one "
        "that ships; `none` looks for no pieces. Its form is in docs/encoders.md.",
    )
    rooms: Annotated[Path, AfterValidator(Path.expanduser)] | None = Field(
        default=None,
        description="A shop's own rooms, JSON lines with `product_ids`, which say what goes with a "
        "piece before the table of rooms that ships; its form is in docs/outfits.md.",
    )
    threads: int | None = Field(
        default=None, ge=1, le=256, description="Threads for encoding; all cores unless given."
    )
    encode_batch_photos: int = Field(
        default=16, ge=1, le=1024, description="Photos encoded at once while indexing."
    )
    stage_photos: int = Field(
        default=512, ge=1, le=100_000, description="Photos encoded between two savings of progress."
    )
    decode_workers: int = Field(
        default=2, ge=1, le=64, description="Threads that decode while indexing."
    )
    limit_photo_bytes: int = Field(
        default=30_000_000, ge=1024, description="Largest photo file, in bytes."
    )
    limit_photo_pixels: int = Field(
        default=120_000_000, ge=1024, description="Largest photo, in pixels, before decoding."
    )
    limit_decoding_bytes: int = Field(
        default=700_000_000,
        ge=16_000_000,
        description="Memory that photos being decoded take together, in each process.",
    )
    limit_prompt_characters: int = Field(
        default=2_000, ge=1, description="Longest prompt or `without`, in characters."
    )
    limit_hits: int = Field(
        default=1_000, ge=1, description="Most hits that one query may ask for."
    )
    photo_weight: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of the photo where a query has photo and prompt.",
    )
    diversity: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="How much hits are held back that look like one before them; 0 is not at all.",
    )
    weight_keyword: float = Field(
        default=2.0, ge=0, description="Weight of keyword matches within the prompt's share."
    )
    weight_prompt_text: float = Field(
        default=0.25, ge=0, description="Weight of prompt against product text, by vectors."
    )
    weight_prompt_photo: float = Field(
        default=1.0, ge=0, description="Weight of prompt against photos, by the alignment."
    )
    weight_attribute: float = Field(
        default=0.5,
        ge=0,
        description="Weight of colours, materials, counts and sizes that the prompt names, by "
        "the columns.",
    )
    weight_without: float = Field(
        default=1.0, ge=0, description="How strongly `without` pushes a product down."
    )
    weight_kind: float = Field(
        default=4.0,
        ge=0,
        description="How strongly products of another kind than the prompt names are pushed down.",
    )
    candidates: int = Field(
        default=200, ge=10, le=10_000, description="Products each retriever brings to the fusion."
    )
    vector_index_photos: int = Field(
        default=50_000,
        ge=256,
        description="Photos from which a vector index is built instead of an exact scan.",
    )
    version_grace_s: float = Field(
        default=600.0, ge=0, description="Seconds that a replaced catalog version stays readable."
    )
    keep_versions: int = Field(
        default=3,
        ge=0,
        le=1_000,
        description="Replaced catalog versions that `catalog rollback` can return to, whatever "
        "their age.",
    )
    sync_most_removed_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Largest share of what a feed brought that a run with `--sync` removes without "
        "being told `--yes`; fewer than ten products always go.",
    )
    download_connections: int = Field(
        default=6,
        ge=1,
        le=32,
        description="Connections to one host at once while `index --download` fetches photos.",
    )
    download_interval_s: float = Field(
        default=0.01,
        ge=0,
        le=60,
        description="Least time between two requests to one host while photos are downloaded.",
    )
    download_attempts: int = Field(
        default=4,
        ge=1,
        le=20,
        description="How often an address is asked that does not answer, or with 408, 425, 429 or "
        "a 5xx, before it is set aside.",
    )
    download_backoff_s: float = Field(
        default=1.0,
        ge=0,
        le=60,
        description="Wait before the second time; it doubles with each further one, and is longer "
        "where the server says so (Retry-After).",
    )
    download_timeout_s: float = Field(
        default=60.0, gt=0, le=3_600, description="Time for downloading one photo, each time."
    )
    download_fresh_s: float = Field(
        default=86_400.0,
        ge=0,
        description="Longest time for which a server is believed that a photo stays as it is "
        "(max-age); it is asked again afterwards.",
    )
    limit_feed_bytes: int = Field(
        default=2_000_000_000, ge=1024, description="Largest feed that is fetched by address."
    )
    # As above.
    catalog_cache: Annotated[Path, AfterValidator(Path.expanduser)] = Field(
        default_factory=lambda: _user_cache("catalogs"),
        description="Folder of the copies that are searched of catalogs in object storage; below "
        "XDG_CACHE_HOME, or ~/.cache, unless given.",
    )
    store_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[^@?#]+$",
        description="Address of an S3-compatible service, such as `https://minio.intern:9000`; "
        "AWS_ENDPOINT_URL, or else AWS, unless given. Keys have no place in it.",
    )
    store_timeout_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Longest wait for object storage to be reached, and for the next bytes of its "
        "answer.",
    )
    store_attempts: int = Field(
        default=4,
        ge=1,
        le=20,
        description="How often object storage is asked that does not answer, or with a 5xx; waits "
        "between grow from 0.1 s to 5 s.",
    )
    store_connections: int = Field(
        default=8,
        ge=1,
        le=64,
        description="Objects that are copied to or from object storage at once.",
    )
    allow_private_hosts: Annotated[tuple[PrivateHost, ...], NoDecode, BeforeValidator(_listed)] = (
        Field(
            default=(),
            description="Hosts with their ports, such as `127.0.0.1:8123,images.intern:80`, that "
            "`index` may fetch from though they are not public or the port is another: for tests "
            "and a shop's own network. The API never does.",
        )
    )


class ServeSettings(Settings):
    """Settings of the HTTP API, beside those of every process; environment names are the same kind.

    A file of ``NAME=value`` lines can hold them too; flags come before the environment, and the
    environment before the file.
    """

    catalog: Path | None = Field(
        default=None, description="Folder of the catalog, or its address: `s3://bucket/prefix`."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65_535, description="Port; 0 takes a free one.")
    workers: int = Field(default=1, ge=1, le=64, description="Processes that answer.")
    query_encoder: str | None = Field(
        default=None,
        description="Photo encoder for queries, such as a student; the catalog's own unless given.",
    )
    api_keys: Path | None = Field(
        default=None, description="File of hashed API keys, as `serve --new-key` writes them."
    )
    open_access: bool = Field(
        default=False, description="Whether a public address may be served without API keys."
    )
    cors_origins: tuple[str, ...] = Field(
        default=(), description="Web origins whose pages may call the API."
    )
    allowed_hosts: tuple[HostPattern, ...] = Field(
        default=(),
        description="Names, without port, by which the server is called: `shop.example`, "
        "`*.shop.example` for all below it, `*` for any. Loopback names always count. Without any, "
        "a loopback address answers to these alone, a public one with keys to any name, one "
        "without keys to addresses.",
    )
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        default=(),
        description="Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto "
        "are believed; nobody's unless given.",
    )
    rate_limit_per_minute: int = Field(
        default=0,
        ge=0,
        description="Requests of one key, or address, to each worker in a minute; 0: no limit.",
    )
    fetch_photos: bool = Field(
        default=False, description="Whether photos may be given as public web addresses."
    )
    events: Path | None = Field(
        default=None,
        description="Folder for what people ask and click on the page, as User Behavior Insights "
        "has it, which `furniture-prompter demand` reads; nothing is written unless given.",
    )
    event_photos: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="Photos that found nothing close of which `events` keeps a picture of 160 "
        "pixels and the vector, the newest, for 90 days at the most; 0: none, and those kept "
        "before go.",
    )
    judgments: Path | None = Field(
        default=None,
        description="Folder for what is judged on /admin, which `furniture-prompter evaluate` "
        "reads; nobody can judge there unless given.",
    )
    compare: Path | None = Field(
        default=None,
        description="Folder of a second catalog, such as the same feed under another encoder, "
        "whose answers are judged on /admin beside those of the catalog that is served.",
    )
    benchmark_report: Path | None = Field(
        default=None,
        description="Folder that `furniture-prompter benchmark` wrote into, whose report /admin "
        "shows to a key that may write.",
    )
    fetch_timeout_s: float = Field(
        default=5.0, gt=0, le=60, description="Time for fetching one photo."
    )
    limit_body_bytes: int = Field(
        default=45_000_000, ge=1024, description="Largest request body; base64 takes a third more."
    )
    limit_json_depth: int = Field(default=32, ge=4, le=200, description="Deepest JSON nesting.")
    limit_batch_lines: int = Field(
        default=10_000, ge=1, description="Most products in one batch request."
    )
    limit_batch_bytes: int = Field(
        default=1_000_000_000, ge=1024, description="Largest batch request in all."
    )
    limit_batches: int = Field(
        default=8,
        ge=1,
        description="Batch requests in work at once before others are refused; they take no place "
        "of `limit_requests`.",
    )
    limit_embeddings: int = Field(
        default=64, ge=1, le=2_048, description="Most inputs of one embeddings request."
    )
    batch_photos: int = Field(
        default=4, ge=1, le=64, description="Photos of concurrent requests encoded at once."
    )
    batch_wait_ms: float = Field(
        default=2.0, ge=0, le=1_000, description="Longest wait for a batch to fill."
    )
    queue_photos: int = Field(
        default=64, ge=1, description="Photos waiting to be encoded before requests are refused."
    )
    limit_requests: int = Field(
        default=256, ge=1, description="Requests in work at once before others are refused."
    )
    limit_connections: int = Field(
        default=1_024,
        ge=1,
        description="Connections open at once in each worker before those that wait for a "
        "request are closed; fewer where the process may open fewer files.",
    )
    cache_vectors: int = Field(
        default=4_096, ge=0, description="Vectors of equal photos and prompts kept in memory."
    )
    cache_images: int = Field(default=512, ge=0, description="Resized pictures kept in memory.")
    request_timeout_s: float = Field(
        default=10.0, gt=0, le=600, description="Time for answering one request."
    )
    decode_timeout_s: float = Field(
        default=8.0,
        gt=0,
        le=600,
        description="Time for decoding one photo; a thread that takes longer is given up.",
    )
    body_timeout_s: float = Field(
        default=120.0,
        gt=0,
        le=600,
        description="Time for receiving one request body, batches aside: 3 MB at 25 kB a second.",
    )
    body_patience_s: float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="For how long a request body or batch may lag behind 4,096 bytes a second.",
    )
    batch_timeout_s: float = Field(
        default=600.0,
        gt=0,
        le=86_400,
        description="Time for receiving one whole batch, its writing aside.",
    )
    shutdown_timeout_s: float = Field(
        default=20.0, ge=0, le=600, description="Time for finishing accepted requests at the end."
    )
    catalog_poll_s: float = Field(
        default=1.0, gt=0, le=3_600, description="How often a new catalog version is looked for."
    )
    store_poll_s: float = Field(
        default=10.0,
        gt=0,
        le=86_400,
        description="How often object storage is asked for a new version of the catalog that is "
        "served from there.",
    )
    log_level: str = Field(
        default="info", pattern=r"^(debug|info|warning|error)$", description="Least level logged."
    )

    def of_compared(self) -> "ServeSettings":
        """For the catalog beside: encoders that are named are those of the one that is served."""
        chosen = ("encoder", "prompt_encoder", "query_encoder", "text_tower")
        fields = type(self).model_fields
        return self.model_copy(update={name: fields[name].default for name in chosen})
