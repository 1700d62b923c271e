"""What importing the package costs, and what it must not load."""

import subprocess
import sys
import time

HEAVY = ("torch", "lancedb", "onnxruntime", "pyarrow", "PIL", "pydantic", "rich", "typer")


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import furniture_prompter, sys; print('\\n'.join(sys.modules))"
    loaded = set(_python(code).split())
    assert loaded.isdisjoint(HEAVY), loaded & set(HEAVY)


def test_importing_the_terminal_door_loads_neither_storage_nor_runtime() -> None:
    code = "import furniture_prompter.cli.main, sys; print('\\n'.join(sys.modules))"
    loaded = set(_python(code).split())
    assert loaded.isdisjoint({"torch", "lancedb", "onnxruntime", "pyarrow"})


def test_serving_loads_nothing_that_trains_nor_what_only_pages_and_rare_settings_need() -> None:
    code = """
import sys
import numpy
from furniture_prompter.assembly.unused_imports import leave_out_unused
leave_out_unused()
from furniture_prompter import assembly
from furniture_prompter.web import app
assembly.load_encoder("default", 1).encode([numpy.zeros((8, 8, 3), numpy.uint8)])
assembly.load_prompt_encoder("default-prompt").encode(["oak"])
print("\\n".join(sys.modules))
"""
    loaded = set(_python(code).split())
    assert "onnxruntime" in loaded
    trains = {"torch", "transformers", "accelerate", "safetensors", "onnx"}
    assert loaded.isdisjoint({*trains, "tokenizers", "huggingface_hub"})
    rare = {"jinja2", "limits", "httpx", "furniture_prompter.catalog.object_store"}
    assert loaded.isdisjoint(rare), loaded & rare
    # FastAPI asks for models of Pydantic's first version: for a placeholder of them.
    assert "pydantic.v1" in loaded, "FastAPI asks no more: OLD_PYDANTIC can go"
    assert "pydantic.v1.main" not in loaded


def test_importing_the_package_takes_under_400_ms() -> None:
    # The bound is part of the design, four times what a slow machine needs; the best of five
    # runs, each less the interpreter's own start, keeps other load out of it.
    def best_of_five(code: str) -> float:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            _python(code)
            times.append(time.perf_counter() - began)
        return min(times)

    assert best_of_five("import furniture_prompter") - best_of_five("pass") < 0.4


def test_every_public_name_is_there() -> None:
    import furniture_prompter

    for name in furniture_prompter.__all__:
        assert getattr(furniture_prompter, name) is not None
    assert set(dir(furniture_prompter)) == set(furniture_prompter.__all__)
