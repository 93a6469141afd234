#!/usr/bin/env python
"""Split a data set into training, validation and test images, and write them as one file with a manifest."""

import stage

from convnets.data import dataset, kinds
from convnets.files import remove_partial, write_json
from convnets.workflow.frame import Job, step


def main(job: Job) -> None:
    """Read the images, split them, write the data set and its manifest."""
    path, chosen = job.output("dataset"), job.settings
    remove_partial(path.parent)
    train, test, source = kinds.KINDS[chosen["kind"]].read(job.inputs["source"])
    settings = dataset.DatasetSettings(**chosen["split"])
    prepared = dataset.prepare(train, test, chosen["classes"], settings)
    dataset.save(prepared, path)
    write_json(job.output("manifest"), dataset.manifest(prepared, source, chosen["identity"], settings))


if __name__ == "__main__":
    step(main)
