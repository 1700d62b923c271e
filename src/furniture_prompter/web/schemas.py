"""Schemas of requests and answers, beside those of searches in ``search.answer``."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from furniture_prompter.domain.wording import one_line
from furniture_prompter.feeds.rows import identifier
from furniture_prompter.search.option_fields import request_fields, with_fields
from furniture_prompter.search.outfit import MOST_BUDGET, MOST_PIECES
from furniture_prompter.search.photo_answer import CropBox
from furniture_prompter.web import examples
from furniture_prompter.web.judging import Verdict


class _Taken(BaseModel):
    """What is sent: nothing beside the fields, and no text where a number belongs."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Answered(BaseModel):
    """What is answered."""

    model_config = ConfigDict(extra="forbid")


@with_fields(request_fields())
class SearchRequest(_Taken):
    """A prompt, a photo, or both."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.SEARCH]})

    prompt: str | None = Field(None, description="What is wanted, in words.")
    photo: str | None = Field(
        None,
        description="A photo as base64, bare or as a data: address; or a public web address, "
        "where the server fetches photos.",
    )
    crop: CropBox | None = Field(None, description="The part of the photo that is meant.")


@with_fields(request_fields(similar=True))
class SimilarParameters(BaseModel):
    """Query parameters of what is like a product."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DescribeRequest(_Taken):
    """A photo to put into words."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.DESCRIBE]})

    photo: str | None = Field(None, description="As `photo` of a search.")
    crop: CropBox | None = Field(None, description="The part of the photo that is meant.")


class PiecesRequest(_Taken):
    """A photo of a room."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PIECES]})

    photo: str | None = Field(None, description="As `photo` of a search.")


class OutfitAsked(_Taken):
    """A product or a photo of a room, and what the pieces may cost together."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.OUTFIT]})

    like: str | None = Field(
        None, description="Id of the product that the pieces go with; it is no part of the total."
    )
    photo: str | None = Field(
        None, description="As `photo` of a search: a room, whose pieces are looked for."
    )
    budget: float | None = Field(
        None, gt=0, le=MOST_BUDGET, description="Most that the pieces cost together."
    )
    currency: str = Field(
        "",
        pattern=r"^([A-Za-z]{3})?$",
        description="Currency of all prices, such as `EUR`; that of most when left out.",
    )
    limit: int = Field(5, ge=1, le=MOST_PIECES, description="Pieces at the most.")
    leave_out: list[str] = Field([], max_length=50, description="Kinds that are not wanted.")
    replace: dict[str, str] = Field(
        {},
        max_length=MOST_PIECES,
        description="Ids of products that take the place of the one of their kind, by kind.",
    )
    where: str | None = Field(None, description="A filter that pieces must pass.")


class PhotoInput(_Taken):
    """A photo to embed."""

    type: Literal["image"] = "image"
    image: str = Field(description="As `photo` of a search.")


class TextInput(_Taken):
    """A prompt to embed."""

    type: Literal["text"] = "text"
    text: str


class EmbeddingsRequest(_Taken):
    """What is to become vectors; the fields of OpenAI's embeddings, photos among the inputs."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.EMBEDDINGS]})

    input: str | PhotoInput | TextInput | list[str | PhotoInput | TextInput] = Field(
        description="Prompts and photos; one, or a list."
    )
    model: str | None = Field(
        None,
        description="A space of `GET /v1/encoders`; the first that takes the inputs unless given.",
    )
    encoding_format: Literal["float", "base64"] = Field(
        "float", description="Numbers, or base64 of little-endian float32."
    )
    user: str | None = Field(None, description="Not read; OpenAI's clients may send it.")


class Embedding(_Answered):
    """One vector."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class Usage(_Answered):
    """What was encoded: words of prompts, and one for each photo."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsAnswer(_Answered):
    """Vectors in the order of the inputs."""

    object: Literal["list"]
    data: list[Embedding]
    model: str = Field(description="The space that the vectors lie in.")
    usage: Usage


class CatalogAnswer(_Answered):
    """What the catalog says of itself, as `catalog info --json`."""

    path: str = Field(description="Name of the catalog's folder.")
    version: int
    created: str
    format_version: int
    products: int
    photos: int
    encoder: str
    encoder_sha256: str
    dimension: int
    metric: str
    prompt_encoder: str
    language: str
    alignment: str
    confidence: str
    vector_index: str
    columns: dict[str, Literal["text", "texts", "number", "boolean"]]
    bytes_on_disk: int


class EncoderFields(_Answered):
    """An encoder that this catalog's vectors come from."""

    name: str
    kind: Literal["image", "prompt"]
    dimension: int
    metric: str
    licence: str
    description: str
    parameters: int
    weights_sha256: str
    encodes_prompts: bool
    figures: dict[str, float]


class SpaceFields(_Answered):
    """A vector space that `POST /v1/embeddings` answers in, as its `model`."""

    name: str
    takes_photos: bool
    takes_prompts: bool


class EncodersAnswer(_Answered):
    """The encoders of this catalog, and the spaces they lead to."""

    encoders: list[EncoderFields]
    spaces: list[SpaceFields]


class AliveAnswer(_Answered):
    """The process answers."""

    status: Literal["alive"]


class ReadyAnswer(_Answered):
    """It encoded a photo and a prompt, and searched with both."""

    status: Literal["ready"]
    catalog_version: int


class ErrorFields(_Answered):
    """What is wrong."""

    code: str = Field(description="One word that programs tell it by; see docs/json.md.")
    message: str = Field(description="What is wrong, and what helps.")
    request_id: str = Field(description="What the server's log calls the request.")


class ErrorAnswer(_Answered):
    """Every error has this shape."""

    error: ErrorFields


REQUESTS: tuple[type[BaseModel], ...] = (
    SearchRequest,
    DescribeRequest,
    PiecesRequest,
    OutfitAsked,
    EmbeddingsRequest,
    ErrorAnswer,
)
"""Models that the description names by hand: bodies are read by the routes themselves."""


def schema_reference(model: type[BaseModel]) -> dict[str, Any]:
    """A reference to a model's schema in the description."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


SHOWN_JUDGED: Final = 6
"""Hits of each of two answers that are judged beside each other."""


def _product_id(value: str) -> str:
    if identifier(value) != value:
        raise ValueError("is no id of a product")
    return value


class SideSent(_Taken):
    """An answer as the page tells it back."""

    options: dict[
        Annotated[str, Field(pattern="^(understand|photo_weight|colour_weight|diversity)$")],
        bool | Annotated[float, Field(ge=0, le=1)],
    ]
    products: list[Annotated[str, AfterValidator(_product_id)]] = Field(max_length=SHOWN_JUDGED)
    catalog: str = Field(default="", max_length=255)


class Judged(_Taken):
    """Which of two answers is better."""

    words: str = Field(max_length=5_000)
    photo: str = Field(pattern=r"^([0-9a-f]{64}\.(jpg|png|webp|img))?$")
    first: SideSent
    second: SideSent
    better: Verdict

    @model_validator(mode="after")
    def _can_be_judged(self) -> Self:
        if not one_line(self.words) and not self.photo:
            raise ValueError("words or a photo are missing")
        if self.better in ("first", "second") and self.first.products == self.second.products:
            raise ValueError("of two equal answers none is better")
        return self
