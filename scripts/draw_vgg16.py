#!/usr/bin/env python
"""Draw VGG-16."""

import stage

from convnets import style
from convnets.report2021 import vgg16_figure
from convnets.workflow.frame import Job, step


def main(job: Job) -> None:
    """Draw the figure and write it in each format."""
    style.save(vgg16_figure.draw(), job.output("svg"), job.output("png"))


if __name__ == "__main__":
    step(main)
