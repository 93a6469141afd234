#!/usr/bin/env python
"""Split CIFAR-10 into training, validation and test images, and write them as one file with a manifest."""

from pathlib import Path

from convnets import batches, command, dataset, files, fingerprint, stamps


def main() -> None:
    """Read the batches, split them, write the data set and its manifest."""
    parser = command.parser(__doc__)
    command.add_step_options(parser)
    parser.add_argument("--folder", type=Path, required=True, help="holds the batches")
    parser.add_argument("--provenance", type=Path, required=True, help="JSON file that names the batches' source")
    parser.add_argument("--dataset", type=Path, required=True, help="output: NumPy archive")
    parser.add_argument("--manifest", type=Path, required=True, help="output: JSON")
    arguments = parser.parse_args()
    components = fingerprint.step_components(Path(__file__), arguments.settings)
    with stamps.stamping(arguments.stamp, components, [], [arguments.manifest, arguments.dataset]):
        files.remove_partial(arguments.dataset.parent)
        batches.check(arguments.folder, str(arguments.folder))
        settings = dataset.DatasetSettings(**arguments.settings)
        prepared = dataset.prepare(arguments.folder, settings)
        dataset.save(prepared, arguments.dataset)
        source = files.read_json(arguments.provenance)["source"]
        files.write_json(arguments.manifest, dataset.manifest(prepared, source, settings))


if __name__ == "__main__":
    command.run(main)
