"""The documentation is true: what it names is there, what is there is documented, what it runs runs."""

from __future__ import annotations

import doctest
import importlib.util
import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from pulsewise.cli.evolution import _versions
from pulsewise.cli.list import entries
from pulsewise.cli.main import application, words
from pulsewise.learn.recipe import load

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(p for p in (*DOCS.rglob("*.md"), ROOT / "README.md") if not {"_build", "generated"} & set(p.parts))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(pulsewise [^`\n]*)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def pages(*folders: str) -> Any:
    return pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def group() -> Any:
    return typer.main.get_command(application())


@pytest.fixture(scope="module")
def generated(generate: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("generated") / "pages"
    generate.write(folder)
    return {p.stem: p.read_text(encoding="utf-8") for p in folder.glob("*.md")}


@pytest.mark.parametrize("word", words())
def test_every_word_and_option_is_in_the_reference(word: str, group: Any, generated: dict[str, str]) -> None:
    section = generated["commands"].partition(f"\n({word})=\n")[2].partition("\n)=\n")[0]
    options = [option for p in group.commands[word].params for option in (*p.opts, *p.secondary_opts)]
    assert section and options
    missing = [o for o in options if o.startswith("-") and not re.search(rf"(?<![\w-]){o}(?![\w-])", section)]
    assert not missing


@pytest.mark.parametrize("room", ["formats", "datasets", "models", "tasks", "presets", "recipe"])
def test_everything_listed_is_in_the_reference(room: str, generated: dict[str, str]) -> None:
    kind = "recipes" if room == "recipe" else room
    assert not [e["name"] for e in entries(kind) if not re.search(rf"(## |`){e['name']}\b", generated[room])]


def test_every_part_of_a_result_is_in_the_reference(generate: ModuleType, generated: dict[str, str]) -> None:
    from pulsewise.judge.result import Result

    classes = generate.reachable(Result)
    assert {"Result", "Number", "Standards", "Paired", "Detection", "Tracking"} <= {cls.__name__ for cls in classes}
    for cls in classes:
        section = generated["result"].partition(f"\n## {cls.__name__}\n")[2].partition("\n## ")[0]
        assert not [name for name in cls.__dataclass_fields__ if f"| `{name}` |" not in section], cls


def test_every_key_of_a_recipe_says_what_it_means(generate: ModuleType) -> None:
    from pulsewise.data import align, split, window
    from pulsewise.signals import condition

    for cls in (condition.Config, window.Config, align.Config, split.Config):
        assert set(generate.meanings(cls)) == {f for f in cls.__dataclass_fields__ if not f.startswith("_")}, cls


def test_readme_lists_the_formats_there_are(generate: ModuleType) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert generate.readme(text) == text, "renew it: python docs/generate.py --readme"


def test_the_page_on_files_of_devices_has_a_row_for_every_format() -> None:
    rows = re.findall(r"^\| (`[^|]*`) \|", (DOCS / "howto/files-of-devices.md").read_text(encoding="utf-8"), re.M)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == {e["name"] for e in entries("formats")}


def command_lines(text: str) -> list[str]:
    blocks = [body for language, body in FENCE.findall(text) if language in ("bash", "sh", "console")]
    lines = [line.strip().removeprefix("$ ") for body in blocks for line in body.splitlines()]
    return [line for line in lines if line.startswith(("pulsewise ", ".venv/bin/pulsewise "))]


@pages()
def test_command_lines_parse(page: Path, group: Any) -> None:
    """Every line in a block has a command, options and arguments that exist; nothing is run."""
    for line in command_lines(page.read_text(encoding="utf-8")):
        _, *arguments = shlex.split(line, comments=True)
        with group.make_context("pulsewise", [], resilient_parsing=True) as context:
            if arguments[0].startswith("-"):
                assert any(arguments[0] in p.opts for p in group.params) or "completion" in arguments[0], line
                continue
            assert arguments[0] in group.commands, line
            command = group.commands[arguments[0]]
            parsed = command.make_context(arguments[0], list(arguments[1:]), parent=context).params
        check_names(line, arguments[0], parsed)


def check_names(line: str, word: str, parsed: dict[str, Any]) -> None:
    """Recipes, presets and datasets that a line names are there."""
    for key, kind in (("recipe", "recipes"), ("preset", "presets"), ("to", "formats")):
        name = parsed.get(key)
        if key == "to" and word == "export":
            continue  # forms of a graph, not formats of recordings; the option itself knows them
        if isinstance(name, str) and not name.endswith(".toml"):
            assert name in {e["name"] for e in entries(kind)}, line
        elif isinstance(name, str) and name.startswith("recipes/"):
            assert (ROOT / name).is_file(), line
    if word == "list" and parsed.get("kind"):
        assert entries(parsed["kind"]) is not None
    named = parsed.get("recipes") or [parsed.get("recipe") or "demo"]
    versions = list(_versions(parsed.get("versions") or ()).values()) or [[]]
    for name, version in itertools.product(named, versions):
        file = ROOT / "recipes" / f"{Path(name).stem}.toml"
        load(file if file.is_file() else ROOT / "recipes/demo.toml", [*(parsed.get("settings") or ()), *version])


@pages()
def test_commands_in_the_text_exist(page: Path, group: Any) -> None:
    for text in INLINE.findall(page.read_text(encoding="utf-8")):
        word, *rest = text.split()[1:]
        if word.isupper() or word == "…":
            continue
        options = {o for p in (group if word.startswith("-") else group.commands[word]).params for o in p.opts}
        used = [r.partition("=")[0] for r in (*rest, word) if r.startswith("-") and "completion" not in r]
        assert not set(used) - options, text


@pages()
def test_python_in_the_pages_compiles_and_imports_what_is_there(page: Path) -> None:
    for language, body in FENCE.findall(page.read_text(encoding="utf-8")):
        if language != "python":
            continue
        code = "\n".join(e.source for e in doctest.DocTestParser().get_examples(body)) if ">>>" in body else body
        compile(code, str(page), "exec")
        imports = [line for line in code.splitlines() if re.match(r"(from|import) ", line)]
        exec("\n".join(imports), {})  # lines of our own pages


def test_make_targets_in_the_pages_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {name for p in PAGES for name in re.findall(r"(?:^|`)make ([a-z-]+)", p.read_text("utf-8"), re.MULTILINE)}
    assert {"demo", "test", "docs"} <= named <= targets


@pages()
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        target = link.partition("#")[0]
        if target and "://" not in target and "generated/" not in target:
            assert (page.parent / target).exists(), link


def test_readme_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(str(ROOT / "README.md"), module_relative=False, encoding="utf-8")
    assert tried >= 3 and not failed


def test_readme_picture_is_small_and_a_picture() -> None:
    picture = DOCS / "images" / "report.png"
    assert picture.stat().st_size < 400_000
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_page_on_recipes_has_a_row_for_each() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|", (DOCS / "howto/recipes.md").read_text(encoding="utf-8"), re.M)
    assert sorted(rows) == sorted(e["name"] for e in entries("recipes"))


# -- tutorials that run -------------------------------------------------------------------------------------------


def notebooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_notebooks", DOCS / "notebooks.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", notebooks().pages(), ids=lambda p: p.stem)
def test_a_tutorial_runs_and_says_what_is_so(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = notebooks().cells(page)
    assert len(cells) >= 4 and any(line.startswith("assert ") for line in cells[-1].splitlines())
    if "import torch" in "".join(cells):
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PULSEWISE_DATA", str(tmp_path))
    made = notebooks().run(page)
    assert made["_shown"] and not capsys.readouterr().err


def test_tutorials_open_as_notebooks(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("myst_nb")
    for page in notebooks().pages():
        made = notebooks().notebook(page)
        nbformat.validate(made)
        code = [cell.source for cell in made.cells if cell.cell_type == "code"]
        assert code == [cell.rstrip("\n") for cell in notebooks().cells(page)], page


@pytest.mark.soak  # half a minute; the tutorials in it run in tests of their own
def test_documentation_builds_without_warnings(tmp_path: Path) -> None:
    """Also refuses pages that no table of contents reaches, and references that lead nowhere."""
    pytest.importorskip("sphinx")
    pytest.importorskip("myst_nb")
    pytest.importorskip("furo")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", tmp_path / "trees"]
    command += ["-D", "nb_execution_mode=off"]  # the cells have a test of their own; make docs runs them
    done = subprocess.run([*command, DOCS, tmp_path / "html"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "html" / "tutorials" / "first-recording.html").is_file()
