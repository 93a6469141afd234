#!/usr/bin/env python
"""Split CIFAR-10 into training, validation and test images, and write them as one file with a manifest."""

from convnets.data import batches, dataset
from convnets.files import read_json, remove_partial, write_json
from convnets.workflow.frame import Job, step


def main(job: Job) -> None:
    """Read the batches, split them, write the data set and its manifest."""
    path, folder = job.output("dataset"), job.input("provenance").parent
    remove_partial(path.parent)
    batches.check(folder, str(folder))
    settings = dataset.DatasetSettings(**job.settings["split"])
    prepared = dataset.prepare(folder, settings)
    dataset.save(prepared, path)
    source = read_json(job.input("provenance"))["source"]
    write_json(job.output("manifest"), dataset.manifest(prepared, source, settings))


if __name__ == "__main__":
    step(main)
