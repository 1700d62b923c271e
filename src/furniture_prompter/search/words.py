"""Words of a query as vectors, those of late queries kept."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace

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
        self._limit = kept
        self._kept: OrderedDict[str, Words] = OrderedDict()

    async def encode(self, texts: Sequence[str]) -> list[Words]:
        """Texts encoded, in their order."""
        known = {text: self._kept[text] for text in texts if text in self._kept}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known.update(zip(missing, await self._compute(missing), strict=True))
        for text in known:
            self._keep(known[text])
        return [known[text] for text in texts]

    async def _compute(self, texts: list[str]) -> list[Words]:
        meanings = self._prompt_encoder().encode(texts)
        words = [Words(text, meaning) for text, meaning in zip(texts, meanings, strict=True)]
        if isinstance(self._route, NoRoute):
            return words
        looks = await self._route.encode(words)
        return [replace(each, look=look) for each, look in zip(words, looks, strict=True)]

    def _keep(self, words: Words) -> None:
        self._kept[words.text] = words
        self._kept.move_to_end(words.text)
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)
