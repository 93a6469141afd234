#!/usr/bin/env python
"""Split CIFAR-10 into training, validation and test images, and write them as one file with a manifest."""

import json
from pathlib import Path

from convnets import command, dataset, files


def main() -> None:
    """Read the batches, split them, write the data set and its manifest."""
    parser = command.parser(__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="holds the batches")
    parser.add_argument("--provenance", type=Path, required=True, help="JSON file that names the batches' source")
    parser.add_argument("--settings", required=True, help="JSON of validation_fraction, split_seed and subset")
    parser.add_argument("--dataset", type=Path, required=True, help="output: NumPy archive")
    parser.add_argument("--manifest", type=Path, required=True, help="output: JSON")
    arguments = parser.parse_args()
    settings = dataset.DatasetSettings(**json.loads(arguments.settings))
    prepared = dataset.prepare(arguments.folder, settings)
    dataset.save(prepared, arguments.dataset)
    source = files.read_json(arguments.provenance)["source"]
    files.write_json(arguments.manifest, dataset.manifest(prepared, source, settings))


if __name__ == "__main__":
    command.run(main)
