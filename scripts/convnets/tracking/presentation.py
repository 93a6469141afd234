"""The figures and the model card of a finished run in MLflow."""

from collections.abc import Mapping
from pathlib import Path

from convnets.files import atomic_path
from convnets.markdown import plain
from convnets.runs import layout
from convnets.tracking.finished_run import Finished

# The artifacts, by their paths.
CARD, LEARNING_CURVES, CONFUSION_MATRIX = "model_card.md", "figures/learning_curves.png", "figures/confusion_matrix.png"


def present(finished: Finished, label: str, folder: Path) -> None:
    """Write the run's learning curves, its confusion matrix and its model card into a folder."""
    import pandas as pd

    from convnets import style  # Matplotlib takes a second to import, which a training can do when it has ended
    from convnets.report import confusion, figures

    history = pd.read_csv(finished.folder / layout.HISTORY)
    style.save(figures.learning_curves(history, label), folder / LEARNING_CURVES)
    style.save(confusion.confusion_matrix(finished.record.confusion, finished.classes, label), folder / CONFUSION_MATRIX)
    with atomic_path(folder / CARD) as temporary:
        temporary.write_text(model_card(finished, label), encoding="utf-8")


def model_card(finished: Finished, label: str) -> str:
    """Return the model card: what the model is, what it was trained on, its results and its limits."""
    metrics, record, libraries = finished.metrics, finished.record, finished.stamp.components["libraries"]
    numbers = {
        "parameters": f"{metrics.parameters:,}",
        "test accuracy": f"{metrics.test_accuracy:.4f}",
        "test loss": f"{metrics.test_loss:.4f}",
        "best validation accuracy": f"{metrics.best_val_accuracy:.4f}, in epoch {metrics.best_epoch} of {metrics.epochs}",
        "trained on": f"{record.device} ({record.processor}), {metrics.train_seconds:,.0f} s",
        "libraries": ", ".join(f"{name} {version}" for name, version in sorted(libraries.items())),
        "fingerprint": f"`{metrics.fingerprint}`",
    }
    settings = {name: f"`{value}`" for name, value in finished.params.items()}
    data = {f"{split} (SHA-256)": f"`{digest}`" for split, digest in record.data.items()}
    return (
        f"# {plain(label)}, seed {metrics.seed}\n\n"
        "An image classifier. It takes raw images (float32, values 0 to 255) of the shape in its signature and gives the\n"
        f"probabilities of {len(finished.classes)} classes: {', '.join(map(plain, finished.classes))}.\n"
        "It holds its standardisation. The weights are those of the epoch with the highest validation accuracy, so that\n"
        "accuracy is maximised over epochs. The test images were looked at once.\n\n"
        f"{_table(numbers)}\n## Settings\n\n{_table(settings)}\n## Data\n\n{_table(data)}\n"
        "## Limits\n\nTrained to compare small networks. It knows these classes only, and calls any picture one of them.\n"
    )


def _table(rows: Mapping[str, str]) -> str:
    return "".join(["| | |\n|:--|:--|\n", *(f"| {name} | {value} |\n" for name, value in rows.items())])
