#!/usr/bin/env python
"""Bring each comparison's tag and figure to its runs in MLflow, and write the addresses of the pages that compare them."""

from pathlib import Path

from convnets import command, files, fingerprint, records, stamps, tracking


def main() -> None:
    """Read the plan and the summaries, publish, write the addresses."""
    parser = command.parser(__doc__)
    command.add_step_options(parser)
    parser.add_argument("--plan", type=Path, required=True, help="what is tracked where")
    parser.add_argument("--metrics", type=Path, nargs="+", required=True, help="summaries of the runs")
    parser.add_argument("--figures", type=Path, nargs="*", required=True, help="figures, named after their comparisons")
    parser.add_argument("--published", type=Path, required=True, help="output: JSON")
    arguments = parser.parse_args()
    components = fingerprint.step_components(Path(__file__), arguments.settings)
    inputs = [arguments.plan, *arguments.metrics, *arguments.figures]
    with stamps.stamping(arguments.stamp, components, inputs, [arguments.published]):
        runs = [records.read_metrics(path) for path in arguments.metrics]
        pages = tracking.publish(
            tracking.Plan.read(arguments.plan),
            {run.mlflow_run_id: run.variant for run in runs},
            {path.stem: path for path in arguments.figures},
        )
        files.write_json(arguments.published, {"compare_pages": pages})


if __name__ == "__main__":
    command.run(main)
