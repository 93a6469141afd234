#!/usr/bin/env python
"""Split a data set into training, validation and test images, and write them as one file with a manifest."""

import stage

from convnets.data import dataset, readers
from convnets.data.images import Place
from convnets.files import remove_partial, write_json
from convnets.workflow.frame import Job, step


def main(job: Job) -> None:
    """Read the images, split them, write the data set and its manifest."""
    path, chosen = job.output("dataset"), job.settings
    remove_partial(path.parent)
    identity, settings = chosen["identity"], dataset.DatasetSettings(**chosen["split"])
    planned = {name: value for name, value in identity.items() if name != "kind"}
    content = readers.read(chosen["kind"], Place(**job.uncounted["place"]), job.inputs["source"], planned)
    images = content.train, content.test, chosen["classes"], settings
    if chosen["seeds"]:
        splits = dataset.save_per_seed(*images, chosen["seeds"], path)
    else:
        prepared = dataset.prepare(*images)
        dataset.save(prepared, path)
        splits = dataset.describe_splits(prepared)
    shape = content.train.images.shape[1:]
    write_json(job.output("manifest"), dataset.manifest(shape, chosen["classes"], content.source, identity, settings, splits))


if __name__ == "__main__":
    step(main)
