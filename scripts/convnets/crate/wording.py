"""What a crate says of each of its files: its format, and what it holds."""

import re
from pathlib import Path

FORMATS = {  # by the end of a file's name; of others, text/plain
    ".cff": "application/yaml",
    ".css": "text/css",
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".npz": "application/octet-stream",
    ".png": "image/png",
    ".py": "text/x-python",
    ".svg": "image/svg+xml",
    ".toml": "application/toml",
    ".yaml": "application/yaml",
}
# By a pattern of the path: what the file holds. The first that fits counts.
HELD = (
    (r"config\.yaml", "The study: networks, settings, seeds, comparisons and claims, with its runs taken from this crate."),
    (r"requirements\.lock|installer\.lock", "The version and the digests of each package that code and workflow need."),
    (r"CITATION\.cff", "How to cite the workflow."),
    (r"README\.md", "How to make tables, figures and page again from this crate."),
    (r".*/history\.csv", "One row per epoch of a training: losses, accuracies and seconds."),
    (r".*/metrics\.json", "The summary of a run: its best epoch, losses and accuracies, parameters, speed."),
    (r".*/record\.json", "How a run was trained: times, processor, memory, and the digests of images and weights."),
    (
        r".*/stamp\.json",
        "What a run was made from: settings, seed, digests of data and code, libraries; and the digests of its files.",
    ),
    (r".*/verified\.json", "What was compared when the run was verified against newer code or libraries."),
    (r".*/data/manifest\.json", "The source of the images, and count, classes and digest of each split."),
    (r"results/tables/claims\..*", "Each claim with what was measured, its interval and its verdict."),
    (r"results/tables/variants\..*", "Mean and deviation of each metric of each network over its seeds."),
    (r"results/tables/convergence\..*", "Iterations and seconds to given accuracies, overfitting, operations, speed and memory."),
    (r"results/tables/curves\..*", "How far the runs are from curves that were read off published figures."),
    (r"results/tables/errata\..*", "Where the published source is wrong, and what is right."),
    (r"results/tables/memory\..*", "Memory of the networks with and without fully connected layers."),
    (r"results/tables/vgg16\..*", "Parameters, bits and megabytes of VGG-16 by block."),
    (r"results/figures/vgg16\..*", "The layers of VGG-16."),
    (r"results/figures/.*", "Learning curves of the networks of a comparison: loss and accuracy against iterations."),
    (
        r"results/report/overview\.html",
        "All findings on one page that loads nothing: verdicts, figures, tables, settings, hardware.",
    ),
)


def held_by(path: Path) -> str | None:
    """Return what a file of a crate holds; None where its name says enough."""
    return next((text for pattern, text in HELD if re.fullmatch(pattern, path.as_posix())), None)
