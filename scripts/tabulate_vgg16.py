#!/usr/bin/env python
"""Tabulate the parameters of VGG-16 by block, and the memory they take."""

import stage

from convnets import tables
from convnets.report2021 import memory
from convnets.workflow.frame import Job, step


def main(job: Job) -> None:
    """Write the table."""
    tables.write_csv(memory.vgg16_blocks(), job.output("csv"))


if __name__ == "__main__":
    step(main)
