"""The exploration notebook: it runs from top to bottom and is stored with the results of a run."""

import base64
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="reading the notebook needs nbformat")

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = Path("notebook") / "data_exploration.ipynb"
DATA = Path("data") / "HousingData.csv"
LEAST_IMAGES = 11
SECONDS_PER_CELL = 300  # The slowest cell: 15 s on two free cores, a minute on busy ones.


@pytest.fixture(scope="module")
def stored() -> Any:
    return nbformat.read(ROOT / NOTEBOOK, as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def images(notebook: Any) -> list[bytes]:
    found = (output.get("data", {}).get("image/png") for output in outputs(notebook))
    return [base64.b64decode(text) for text in found if text]


def complaints(notebook: Any) -> list[Any]:
    """Return error outputs and everything that was written to stderr."""
    return [
        output
        for output in outputs(notebook)
        if output.output_type == "error" or output.get("name") == "stderr"
    ]


def execute(notebook: Any, directory: Path) -> Any:
    """Run the notebook with that working directory; a failing cell raises."""
    nbclient = pytest.importorskip("nbclient", reason="executing the notebook needs nbclient")
    pytest.importorskip("ipykernel", reason="executing the notebook needs the ipykernel kernel")
    pytest.importorskip("matplotlib", reason="the notebook plots with matplotlib")
    client = nbclient.NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        allow_errors=False,
        record_timing=False,
        resources={"metadata": {"path": str(directory)}},
    )
    return client.execute()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of just the notebook and the data, laid out as in the repository."""
    for name in (NOTEBOOK, DATA):
        (tmp_path / name).parent.mkdir()
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def test_stored_notebook_is_valid_and_was_run_in_order(stored: Any) -> None:
    nbformat.validate(stored)
    counts = [cell.execution_count for cell in code_cells(stored)]
    assert counts == list(range(1, len(counts) + 1))
    assert complaints(stored) == []


def test_stored_notebook_carries_its_plots(stored: Any) -> None:
    plots = images(stored)
    assert len(plots) >= LEAST_IMAGES
    assert all(plot.startswith(b"\x89PNG\r\n\x1a\n") for plot in plots)
    assert all(len(plot) > 10_000 for plot in plots), "a plot looks empty"


def test_stored_notebook_tells_nothing_about_the_machine(stored: Any) -> None:
    assert set(stored.metadata) == {"kernelspec", "language_info"}
    assert stored.metadata.kernelspec.name == "python3"
    assert [cell.id for cell in stored.cells if cell.metadata] == []
    texts = [cell.source for cell in stored.cells]
    for output in outputs(stored):
        texts.append(output.get("text", ""))
        texts += [text for kind, text in output.get("data", {}).items() if "image" not in kind]
    paths = re.compile(r"(?<![\w/<])/(home|root|tmp|usr|var|work|Users|opt)/|[A-Z]:\\")
    assert [found.group() for text in texts for found in paths.finditer(text)] == []


def test_every_cell_runs_from_top_to_bottom(stored: Any, project: Path) -> None:
    fresh = nbformat.read(project / NOTEBOOK, as_version=4)
    for cell in code_cells(fresh):
        cell.outputs = []
        cell.execution_count = None
    execute(fresh, project / NOTEBOOK.parent)
    assert [output for output in outputs(fresh) if output.output_type == "error"] == []
    assert len(images(fresh)) == len(images(stored))
    assert all(cell.execution_count for cell in code_cells(fresh))


@pytest.mark.parametrize("start", [".", "notebook"])
def test_data_is_found_from_the_root_and_from_the_notebook(project: Path, start: str) -> None:
    opening = nbformat.read(project / NOTEBOOK, as_version=4)
    loads = next(n for n, cell in enumerate(opening.cells) if "read_csv" in cell.source)
    opening.cells = opening.cells[: loads + 1]
    for cell in code_cells(opening):
        cell.outputs = []
    execute(opening, project / start)
    assert "MEDV" in opening.cells[-1].outputs[-1]["data"]["text/plain"]
