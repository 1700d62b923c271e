import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from furniture_prompter.encoders.hub.encoder import load_hub_encoder
from furniture_prompter.encoders.hub.pulling import pull
from furniture_prompter.errors import EncoderDamagedError, EncoderError, EncoderNotFoundError
from tests.unit.encoders.hub.fake_hub import COMMIT, FakeHub, serve


@pytest.fixture
def hub(checkpoints: Path) -> Iterator[FakeHub]:
    with serve(FakeHub(checkpoints / "siglip", revisions=("main", "refs/pr/7", COMMIT))) as hub:
        yield hub


def test_a_repository_is_pulled_with_its_commit_and_hashes_on_the_card(
    hub: FakeHub, checkpoints: Path, tmp_path: Path
) -> None:
    card = pull("shop/tiny", cache=tmp_path, endpoint=hub.address)

    assert card.name == "tiny"
    assert card.source == f"Pulled from shop/tiny@{COMMIT}"
    assert card.licence == "Apache-2.0"
    weights = (checkpoints / "siglip" / "model.safetensors").read_bytes()
    assert card.weights_sha256 == hashlib.sha256(weights).hexdigest()
    assert card.source_sha256["model.safetensors"] == card.weights_sha256
    names = sorted(path.name for path in (tmp_path / "tiny").iterdir())
    assert names == sorted(["card.json", card.weights_file, *card.other_files])
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
    assert load_hub_encoder(tmp_path / "tiny").encode_prompts(["a chair"]).shape == (1, 32)


@pytest.mark.parametrize("revision", ["refs/pr/7", COMMIT])
def test_a_revision_is_resolved_to_its_commit(revision: str, hub: FakeHub, tmp_path: Path) -> None:
    card = pull("shop/tiny", cache=tmp_path, revision=revision, endpoint=hub.address)
    assert card.source.endswith(f"@{COMMIT}")
    resolved = [path for path in hub.asked if "/resolve/" in path]
    assert resolved
    assert all(f"/resolve/{COMMIT}/" in path for path in resolved)


def test_an_unknown_revision_is_refused(hub: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(EncoderNotFoundError, match="revision 'v9'"):
        pull("shop/tiny", cache=tmp_path, revision="v9", endpoint=hub.address)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_repository_is_refused(hub: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(EncoderNotFoundError, match="no shop/other"):
        pull("shop/other", cache=tmp_path, endpoint=hub.address)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_altered_on_its_way_is_refused_by_the_hash_the_hub_states(
    name: str, hub: FakeHub, tmp_path: Path
) -> None:
    data = bytearray((hub.folder / name).read_bytes())
    data[-2] ^= 1
    hub.replaced[name] = bytes(data)
    with pytest.raises(EncoderDamagedError, match=f"{name} of shop/tiny@c0ffee.* not the file"):
        pull("shop/tiny", cache=tmp_path, endpoint=hub.address)
    assert list(tmp_path.iterdir()) == []


def test_a_repository_that_states_no_licence_gives_a_card_that_says_so(
    hub: FakeHub, tmp_path: Path
) -> None:
    hub.licence = None
    card = pull("shop/tiny", cache=tmp_path, endpoint=hub.address)
    assert card.licence == "LicenseRef-unstated"


def test_a_file_larger_than_its_kind_may_be_is_not_downloaded(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("furniture_prompter.encoders.hub.checkpoint.LIMIT_WEIGHTS_BYTES", 1000)
    with pytest.raises(EncoderError, match=r"model\.safetensors .* more than the 1,000"):
        pull("shop/tiny", cache=tmp_path, endpoint=hub.address)
    assert not any("model.safetensors" in path for path in hub.asked)


def test_without_a_connection_the_cure_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="--from"):
        pull("shop/tiny", cache=tmp_path, endpoint="http://127.0.0.1:9")
