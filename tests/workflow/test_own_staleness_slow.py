"""What is made again after a change of an own network or own data, for real on a finished small workflow. Slow: minutes.

Each test starts from what the one before it left, finished.
"""

import re
from pathlib import Path

import numpy as np
import own_data
import pytest
from own_networks import PLAIN
from staleness import audited, finished, put, settle
from workflow import Workflow

FILE = PLAIN.replace("Flatten()", "Dense(beside.UNITS)(keras.layers.Flatten()").replace("(images)\n", "(images))\n")
MINE, OTHER = {f"train_variant/{name}/seed1" for name in ("mine", "width__width_2")}, {"train_variant/other/seed1"}
TABLES = {"tabulate_variants", "tabulate_convergence", "publish_comparisons"}
FIGURE = {"plot_comparison/both"}  # of `mine` and `other`; what depends on the claim depends on `mine` and the grid


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    folder = tmp_path_factory.mktemp("own")
    (folder / "net").mkdir()
    (folder / "net" / "mine.py").write_text(f"import beside\n{FILE}")
    (folder / "net" / "beside.py").write_text("UNITS = 3\n")
    (folder / "net" / "other.py").write_text(PLAIN)
    own_data.write_arrays(folder / "images.npz")
    (folder / "no batches").mkdir()
    config = {
        **own_data.study("arrays", str(folder / "images.npz")),
        "variants": {
            "mine": {"label": "mine", "network": f"{folder}/net/mine.py:network", "arguments": {"width": 1}},
            "other": {"label": "other", "network": f"{folder}/net/other.py:network"},
        },
        "grids": {"width": {"from": "mine", "vary": {"arguments.width": [2]}}},
        "comparisons": {"both": {"title": "Both", "variants": ["mine", "other"], "rows": [["validation"]]}},
        "claims": {
            "grid": {
                **{"section": "a", "statement": "The best is as good.", "test": "equivalent", "margin": 1},
                "quantities": ["width.test_accuracy", "mine.test_accuracy"],
            }
        },
        "memory": None,
    }
    return finished(tmp_path_factory, folder / "no batches", config)


def edit(workflow: Workflow, name: str, old: str, new: str) -> None:
    path = Path(workflow.config["variants"]["mine"]["network"]).with_name(name)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_nothing_changed(workflow: Workflow) -> None:
    settle(workflow, set())
    audited(workflow)


def test_a_comment_and_a_docstring(workflow: Workflow) -> None:
    for name in ("mine.py", "beside.py", "other.py"):
        edit(workflow, name, "\n", "  # a comment\n")
    edit(workflow, "mine.py", "import beside", '"""A docstring."""\nimport beside')
    settle(workflow, set())


def test_the_file(workflow: Workflow) -> None:
    edit(workflow, "mine.py", "Dense(classes)", "Dense(classes, use_bias=True)")
    why = settle(workflow, {*MINE, *TABLES, *FIGURE, "tabulate_claims"})
    assert why["train_variant/mine/seed1"] == ["code: mine.py changed"]


def test_a_module_beside_it(workflow: Workflow) -> None:
    edit(workflow, "beside.py", "3", "4")
    why = settle(workflow, {*MINE, *TABLES, *FIGURE, "tabulate_claims"})
    assert why["train_variant/mine/seed1"] == ["code: beside.py changed"]


def test_the_file_of_another_variant(workflow: Workflow) -> None:
    edit(workflow, "other.py", "Dense(classes)", "Dense(classes, use_bias=True)")
    settle(workflow, {*OTHER, *TABLES, *FIGURE})


def test_an_argument(workflow: Workflow) -> None:
    put(workflow.config, "variants.mine.arguments", {"width": 3})
    why = settle(workflow, {"train_variant/mine/seed1", *TABLES, *FIGURE, "tabulate_claims"})
    assert why["train_variant/mine/seed1"] == ["setting own.arguments.width: 1 -> 3"]


def test_one_value_more_in_a_grid(workflow: Workflow) -> None:
    put(workflow.config, "grids.width.vary", {"arguments.width": [2, 5]})
    planned = workflow.snakemake("--dry-run")  # what it costs is not known yet, so it comes first
    (job,) = re.findall(r"rule train_variant:\n((?:    .*\n)*)", planned.stdout + planned.stderr)
    assert "priority: 1000000000\n" in job
    assert "runtime=120," in job
    settle(workflow, {"train_variant/width__width_5/seed1", *TABLES, "tabulate_claims", "create_store"})


def test_one_byte_of_the_data(workflow: Workflow) -> None:
    images = own_data.arrays()["x_test"].copy()
    images[0, 0, 0] ^= 1
    own_data.write_arrays(Path(workflow.config["dataset"]["source"]), x_test=np.asarray(images))
    runs = {*MINE, *OTHER, "train_variant/width__width_5/seed1"}
    settle(workflow, {"prepare_dataset", *runs, *TABLES, *FIGURE, "tabulate_claims"})
    audited(workflow)
