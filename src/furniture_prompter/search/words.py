"""Words of a query as vectors, those of late queries kept."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from cachetools import LRUCache

from furniture_prompter.encoders.protocols import PromptEncoder
from furniture_prompter.search.prompt_routes import NoRoute, PromptRoute, Words


class WordEncoder:
    """Encodes prompts by their meaning and, where a route leads there, by their look."""

    def __init__(
        self,
        prompt_encoder: Callable[[], PromptEncoder],
        route: PromptRoute | NoRoute,
        kept: int = 0,
    ) -> None:
        """Take what encodes.

        Args:
            prompt_encoder: Gives the prompt encoder, which is loaded on first use.
            route: How prompts reach the photos.
            kept: Texts whose vectors are kept, the least lately used given up first.
        """
        self._prompt_encoder = prompt_encoder
        self._route = route
        self._kept: LRUCache[str, Words] = LRUCache(kept)

    async def encode(self, texts: Sequence[str]) -> list[Words]:
        """Texts encoded, in their order."""
        known = {text: kept for text in texts if (kept := self._kept.get(text)) is not None}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            computed = dict(zip(missing, await self._compute(missing), strict=True))
            known |= computed
            if self._kept.maxsize:
                self._kept.update(computed)
        return [known[text] for text in texts]

    async def _compute(self, texts: list[str]) -> list[Words]:
        meanings = self._prompt_encoder().encode(texts)
        words = [Words(text, meaning) for text, meaning in zip(texts, meanings, strict=True)]
        if isinstance(self._route, NoRoute):
            return words
        looks = await self._route.encode(words)
        return [replace(each, look=look) for each, look in zip(words, looks, strict=True)]
