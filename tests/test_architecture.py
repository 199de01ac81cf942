"""Who imports whom, what nobody imports, where flags live, and how long files and functions are."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = (
    "sketchspace",
    "tfrecords",
    "preprocess",
    "models",
    "learners",
    "training",
    "evaluation",
    "studies",
)
SCRIPTS = ("train", "evaluate", "retrieve", "serve")

# Below `sketchspace` there is nothing of ours: whoever installs it gets neither TensorFlow nor the pipeline.
# A room or script, and the rooms or single modules that it may import besides itself and `sketchspace`; a
# command inside a room has arrows of its own beside those of the room.
ARROWS = {
    "sketchspace": (),
    "models": (),
    "learners": (),
    "tfrecords": (),
    "preprocess": ("tfrecords",),
    "training": ("tfrecords", "models", "learners"),
    "evaluation": (),
    "studies": tuple(room for room in ROOMS if room != "studies"),
    "train": ("training", "models"),
    "evaluate": ("evaluation", "tfrecords", "training.run_config"),
    "retrieve": ("tfrecords", "models.efficientnet_lite.ready"),
    "serve": (),
    "models.convert": ("training", "tfrecords"),
    "models.efficientnet_lite.ready": ("training", "preprocess.sample"),
    "models.spec": ("learners.settings",),
    "models.registry": ("learners.settings",),
}
# What a room may not import although it may import the room around it.
CLOSED = {
    "evaluation": ("sketchspace.gallery", "sketchspace.answers"),
}
# Inside `sketchspace`: a room, and the rooms that it may import besides the modules on the top floor.
INNER_ARROWS = {
    "sketch": ("arrays",),
    "pictures": ("sketch",),
    "arrays": (),
    "encoder": ("sketch", "pictures"),
    "gallery": ("encoder", "sketch", "pictures", "arrays"),
    "answers": ("gallery", "encoder", "sketch", "pictures"),
}
TENSORFLOW_FILES = tuple(
    f"tfrecords/{name}.py" for name in ("reader", "sequences", "row_batches", "tfds_info")
)
UNPICKLER = "sketchspace/arrays/shells.py"
WITH_TENSORFLOW = ("models", "learners", "training", "studies")
FORBIDDEN = ("keras", "cloudpickle", "dill", "joblib", "marshal", "shelve", "pickle")
MAX_FILE_LINES = 299
MAX_FUNCTION_LINES = 40
MAX_FILES_ON_A_FLOOR = 21


@cache
def sources() -> dict[str, ast.Module]:
    """Every file of the rooms and every script, parsed, by its path from the root."""
    files = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    files += [path for script in SCRIPTS if (path := ROOT / f"{script}.py").is_file()]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in files}


def module_of(path: str) -> str:
    """`models/spec.py` as `models.spec`, a package's `__init__.py` as the package."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports_of(tree: ast.Module) -> Iterator[str]:
    """Every imported module, wherever in the file; `from a import b` as `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def within(name: str, place: str) -> bool:
    """Whether a module is `place` or inside it."""
    return name == place or name.startswith(f"{place}.")


def wrong_arrows(path: str, tree: ast.Module) -> list[str]:
    home = module_of(path).split(".")[0]
    if home == "sketchspace":
        return wrong_inner_arrows(path, tree)
    allowed = (home, "sketchspace", *ARROWS[home], *ARROWS.get(module_of(path), ()))
    ours = [
        name for name in imports_of(tree) if name.split(".")[0] in (*ROOMS, *SCRIPTS, "tests", "benchmarks")
    ]
    closed = CLOSED.get(home, ())
    return [
        f"{path} -> {name}"
        for name in ours
        if not any(within(name, place) for place in allowed) or any(within(name, place) for place in closed)
    ]


def wrong_inner_arrows(path: str, tree: ast.Module) -> list[str]:
    """Imports of a file of `sketchspace` that leave it, or run against the order of its rooms."""
    room, found = module_of(path).split(".")[1:2], []
    for name in imports_of(tree):
        top, _, rest = name.partition(".")
        target = rest.split(".")[0]
        if top in (*ROOMS, *SCRIPTS, "tests", "benchmarks") and top != "sketchspace":
            found.append(f"{path} -> {name}")
        elif top == "sketchspace" and room and room[0] in INNER_ARROWS and target in INNER_ARROWS:
            found += [f"{path} -> {name}"] * (target not in (room[0], *INNER_ARROWS[room[0]]))
    return found


def cycle_in(graph: dict[str, set[str]]) -> list[str]:
    """The names of one cycle, the first repeated at the end; empty where there is none."""
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done:
            return []
        for following in sorted(graph[name]):
            found = visit(following, [*trail, name])
            if found:
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := visit(name, []))), [])


def file_graph() -> dict[str, set[str]]:
    """Module -> the modules of ours whose files it imports."""
    modules = {module_of(path): tree for path, tree in sources().items()}
    graph = {}
    for module, tree in modules.items():
        names = set(imports_of(tree))
        names |= {name.rpartition(".")[0] for name in names}
        graph[module] = (names & modules.keys()) - {module}
    return graph


def hidden_keras(tree: ast.Module) -> list[int]:
    """Lines with `tf.keras` or `tensorflow.keras`."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr == "keras"
        and isinstance(node.value, ast.Name)
        and node.value.id in ("tf", "tensorflow")
    ]


def is_study(tree: ast.Module) -> bool:
    """Whether a file of a room is a command by itself: it calls `cli.run` where it is run."""
    return "cli.run(main)" in ast.unparse(tree) and "sketchspace.cli" in set(imports_of(tree))


def functions_of(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Each function's name and its lines, docstring included, decorators not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_rooms_import_only_along_the_arrows():
    assert len(sources()) > 40
    assert [arrow for path, tree in sources().items() for arrow in wrong_arrows(path, tree)] == []


def test_no_file_imports_itself_by_a_detour():
    assert " -> ".join(cycle_in(file_graph())) == ""


def test_nobody_imports_keras_3_or_pickles():
    found = []
    for path, tree in sources().items():
        found += [f"{path}:{line} tf.keras" for line in hidden_keras(tree)]
        for name in imports_of(tree):
            if any(within(name, place) for place in (*FORBIDDEN, "tensorflow.keras")) and not (
                path == UNPICKLER and within(name, "pickle")
            ):
                found.append(f"{path} imports {name}")
    assert found == []


def test_numpy_never_unpickles():
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant), f"{path}:{node.value.lineno}"
                assert node.value.value is False, f"{path}:{node.value.lineno}"


def test_tensorflow_stays_where_it_is_needed():
    """The drawing, the figures and the way of a query do without."""
    found = []
    for path, tree in sources().items():
        names = {name.split(".")[0] for name in imports_of(tree)} & {"tensorflow", "tf_keras"}
        room = module_of(path).split(".")[0]
        if names and room not in WITH_TENSORFLOW and path not in TENSORFLOW_FILES:
            found.append(path)
    assert found == []


def test_flags_are_defined_in_scripts_only():
    found = []
    for path, tree in sources().items():
        if path in {f"{script}.py" for script in SCRIPTS} or path.endswith("/__main__.py") or is_study(tree):
            continue
        found += [f"{path} imports argparse" for name in imports_of(tree) if within(name, "argparse")]
        for node in ast.walk(tree):
            name = getattr(node, "attr", getattr(node, "id", ""))
            if isinstance(name, str) and name.startswith("DEFINE_"):
                found.append(f"{path}: {name}")
    assert found == []


def test_files_and_functions_are_short():
    found = []
    for path, tree in sources().items():
        lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
        if lines > MAX_FILE_LINES:
            found.append(f"{path}: {lines} lines")
        found += [
            f"{path}: {name} has {lines} lines"
            for name, lines in functions_of(tree)
            if lines > MAX_FUNCTION_LINES
        ]
    assert found == []


def test_no_room_has_too_many_files_on_one_floor():
    floors = Counter(str(Path(path).parent) for path in sources() if not path.endswith("__init__.py"))
    assert {floor: count for floor, count in floors.items() if count > MAX_FILES_ON_A_FLOOR} == {}


def test_every_public_name_says_what_it_is():
    found = []
    for path, tree in sources().items():
        if ast.get_docstring(tree) is None and (ROOT / path).stat().st_size:
            found.append(path)
        public = [
            node
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        ]
        found += [f"{path}: {node.name}" for node in public if ast.get_docstring(node) is None]
    assert found == []


@pytest.mark.parametrize(
    ("path", "code", "wrong"),
    [
        ("sketchspace/sketch/x.py", "from tfrecords.reader import y", True),
        ("sketchspace/sketch/x.py", "def f():\n    import models.spec", True),
        ("sketchspace/gallery/x.py", "from tfrecords.manifest import y", True),
        ("sketchspace/gallery/x.py", "from sketchspace.encoder.embedder import y", False),
        ("sketchspace/encoder/x.py", "from sketchspace.gallery.gallery import y", True),
        ("sketchspace/encoder/x.py", "from sketchspace import gallery", True),
        ("sketchspace/x.py", "from training.runs import Run", True),
        ("sketchspace/x.py", "import train", True),
        ("training/x.py", "from preprocess import y", True),
        ("training/x.py", "import models.spec, learners.base", False),
        ("evaluation/x.py", "from sketchspace.encoder.embedder import Embedder", False),
        ("evaluation/x.py", "from sketchspace.gallery.gallery import Gallery", True),
        ("evaluation/x.py", "from sketchspace.gallery import gallery", True),
        ("tfrecords/x.py", "from sketchspace.gallery.writer import y", False),
        ("tfrecords/x.py", "from training.session import train", True),
        ("models/x.py", "from tests.toy_model import SPEC", True),
        ("models/x.py", "from training.runs import Run", True),
        ("models/convert.py", "from training.runs import Run", False),
        ("train.py", "import evaluate", True),
        ("sketchspace/x.py", "import numpy", False),
    ],
)
def test_the_arrow_check_finds_wrong_arrows(path, code, wrong):
    assert bool(wrong_arrows(path, ast.parse(code))) == wrong


def test_the_other_checks_find_what_they_look_for():
    assert cycle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert cycle_in({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
    assert hidden_keras(ast.parse("import tensorflow as tf\nx = tf.keras.Model")) == [2]
    assert list(functions_of(ast.parse("def f():\n    '''x'''\n    return 1"))) == [("f", 3)]
