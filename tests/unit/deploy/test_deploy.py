"""The files under deploy say what the project says, and what can be tried of them works."""

import http.server
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # published without types

from furniture_prompter.settings import ServeSettings

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
UNIT = (DEPLOY / "furniture-prompter.service").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
PREFIX = "FURNITURE_PROMPTER_"


def instructions(name: str) -> list[str]:
    joined = re.sub(r"\\\n\s*", "", DOCKERFILE)
    return [line.partition(" ")[2] for line in joined.splitlines() if line.startswith(f"{name} ")]


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server that answers everything with `status`; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/readyz"
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Stay silent."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def health(port: int) -> int:
    done = subprocess.run(
        [sys.executable, DEPLOY / "healthcheck.py"],
        env={f"{PREFIX}PORT": str(port), "http_proxy": "http://127.0.0.1:9"},
        capture_output=True,
    )
    return done.returncode


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_tells_whether_the_api_is_ready(status: int, code: int) -> None:
    with answering(status) as port:
        assert health(port) == code


def test_the_health_check_fails_where_nobody_listens() -> None:
    assert health(9) == 1


def test_the_image_installs_nothing_whose_hash_is_not_known() -> None:
    installs = [each for each in instructions("RUN") if re.search(r"pip (install|wheel)", each)]
    commands = [
        command for each in installs for command in each.split("&&") if "bin/pip" in command
    ]
    assert any("locks/serve.txt" in command for command in commands)
    for command in commands:
        hashed = re.search(r"--require-hashes --requirement (\S+)", command)
        if hashed is not None:
            assert (ROOT / hashed[1]).is_file()
        else:
            # Ours, built and installed without asking an index.
            assert "--no-index" in command or "--no-deps --no-build-isolation" in command


def test_the_image_beneath_is_a_digest_of_a_python_that_the_project_supports(
    tmp_path: Path,
) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {each.partition(" ")[0] for each in instructions("FROM")} == {"${PYTHON_IMAGE}"}
    found = re.fullmatch(r"PYTHON_IMAGE=python:(3\.\d+)-slim", instructions("ARG")[0])
    assert found is not None
    assert f"Programming Language :: Python :: {found[1]}" in project["classifiers"]
    (check,) = (each for each in instructions("RUN") if "PYTHON_IMAGE" in each)
    for image, code in (
        (f"python@sha256:{'0f' * 32}", 0),
        (f"python:3.13-slim@sha256:{'0f' * 32}", 0),
        ("python:3.13-slim", 1),
        ("python@sha256:0f", 1),
    ):
        done = subprocess.run(
            ["sh", "-c", check], env={"PYTHON_IMAGE": image, "PATH": "/usr/bin:/bin"}, cwd=tmp_path
        )
        assert done.returncode == code, image
    (service,) = COMPOSE["services"].values()
    assert service["build"]["args"]["PYTHON_IMAGE"].startswith("${PYTHON_IMAGE:?")


def test_the_image_copies_what_is_there_and_nothing_is_ignored_that_it_copies() -> None:
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    for words in instructions("COPY"):
        if words.startswith("--from"):
            continue
        for source in words.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source.removeprefix('./')}" in kept


def test_the_image_runs_as_nobody_special() -> None:
    (user,) = instructions("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)


@pytest.mark.parametrize(
    "text",
    [DOCKERFILE, UNIT, (DEPLOY / "compose.yaml").read_text("utf-8")],
    ids=["image", "unit", "compose"],
)
def test_every_variable_is_a_setting(text: str) -> None:
    names = set(re.findall(rf"{PREFIX}([A-Z_]+)", text))
    assert names
    assert {name.lower() for name in names} <= set(ServeSettings.model_fields)


def test_the_container_writes_nowhere_but_to_its_volume_and_tmp() -> None:
    (service,) = COMPOSE["services"].values()
    assert service["read_only"] is True
    assert [mount.partition(":")[0] for mount in service["tmpfs"]] == ["/tmp"]  # noqa: S108  (the container's own)
    data, feed = service["volumes"]
    assert data == "data:/data"
    assert feed.endswith(":ro")
    assert set(COMPOSE["volumes"]) == {"data"}
    assert service["cap_drop"] == ["ALL"]


def test_the_container_is_published_on_this_machine_alone_and_asks_for_keys() -> None:
    (service,) = COMPOSE["services"].values()
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert f"{PREFIX}API_KEYS" in service["environment"]


def test_the_image_that_compose_builds_is_the_one_beside_it() -> None:
    (service,) = COMPOSE["services"].values()
    build = service["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")


def test_whoever_stops_the_api_waits_longer_than_it_takes_to_finish() -> None:
    (service,) = COMPOSE["services"].values()
    finishing_s = ServeSettings.model_fields["shutdown_timeout_s"].default
    assert int(service["stop_grace_period"].removesuffix("s")) > finishing_s
    found = re.search(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)
    assert found is not None
    assert int(found[1]) > finishing_s


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    # It looks for the program, which lies elsewhere here.
    unit = tmp_path / "furniture-prompter.service"
    program = re.compile(r"^ExecStart=\S+", re.MULTILINE)
    unit.write_text(program.sub("ExecStart=/bin/true", UNIT), "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
