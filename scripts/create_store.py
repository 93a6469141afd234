#!/usr/bin/env python
"""Create the MLflow tracking store with its experiment, and write the plan that tells later steps what to track where."""

from pathlib import Path

from convnets import command, fingerprint, stamps, tracking, unfinished

DESCRIPTION = """\
Convolutional networks on CIFAR-10, one run per variant and seed. Group by the tag `variant` to see seeds together; the tags
`comparison.<id>` say which figures a run is in, and its artifacts hold them. The `step` of every curve is the iteration.
"""


def main() -> None:
    """Create the store, close what killed trainings left open, write the plan."""
    parser = command.parser(__doc__)
    command.add_step_options(parser)
    parser.add_argument("--unfinished", type=Path, required=True, help="holds a folder for each unfinished training")
    parser.add_argument("--plan", type=Path, required=True, help="output: JSON")
    arguments = parser.parse_args()
    settings = arguments.settings
    with stamps.stamping(arguments.stamp, fingerprint.step_components(Path(__file__), settings), [], [arguments.plan]):
        members = {name: tracking.Membership(**value) for name, value in settings["members"].items()}
        plan = tracking.Plan(tracking.Store(settings["uri"], settings["experiment"]), members)
        tracking.create_store(plan.store, Path(settings["artifacts"]) if settings["artifacts"] else None, DESCRIPTION)
        for folder in unfinished.abandoned(arguments.unfinished):
            with plan.store.reached():
                tracking.close_abandoned(folder)
        plan.write(arguments.plan)


if __name__ == "__main__":
    command.run(main)
