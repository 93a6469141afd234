#!/usr/bin/env python
"""Bring every finished run to the tracking store, and each comparison's tag, figure and page to its runs there.

What the store does not take is named in one line and left to the next time.
"""

import logging
from dataclasses import asdict
from pathlib import Path

from convnets import command, files, fingerprint, publishing, stamps
from convnets.stores import Plan

logger = logging.getLogger(__name__)


def main() -> None:
    """Read the plan, publish, write what came of it."""
    parser = command.parser(__doc__)
    command.add_step_options(parser)
    parser.add_argument("--plan", type=Path, required=True, help="what is tracked where")
    parser.add_argument("--metrics", type=Path, nargs="+", required=True, help="summaries of the runs, in their folders")
    parser.add_argument("--figures", type=Path, nargs="*", required=True, help="figures, named after their comparisons")
    parser.add_argument("--unfinished", type=Path, required=True, help="holds a folder for each training that is not finished")
    parser.add_argument("--published", type=Path, required=True, help="output: JSON")
    arguments = parser.parse_args()
    components = fingerprint.step_components(Path(__file__), arguments.settings)
    inputs = [arguments.plan, *arguments.metrics, *arguments.figures]
    with stamps.stamping(arguments.stamp, components, inputs, [arguments.published]):
        folders = [path.parent for path in arguments.metrics]
        figures = {path.stem: path for path in arguments.figures}
        published = publishing.publish(Plan.read(arguments.plan), folders, figures, arguments.unfinished)
        if published.problem:
            logger.warning(published.problem)
        files.write_json(arguments.published, asdict(published))


if __name__ == "__main__":
    command.run(main)
