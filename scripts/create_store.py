#!/usr/bin/env python
"""Create the MLflow tracking store with its experiment, and write the plan that tells later steps what to track where."""

import json
from pathlib import Path

from convnets import command, tracking

DESCRIPTION = """\
Convolutional networks on CIFAR-10, one run per variant and seed. Group by the tag `variant` to see seeds together; the tags
`comparison.<id>` say which figures a run is in, and its artifacts hold them. The `step` of every curve is the iteration.
"""


def main() -> None:
    """Create the store and write the plan."""
    parser = command.parser(__doc__)
    parser.add_argument("--uri", required=True, help="MLflow tracking URI")
    parser.add_argument("--experiment", required=True, help="name of the experiment")
    parser.add_argument("--members", required=True, help="JSON: each variant's label and the comparisons it belongs to")
    parser.add_argument("--artifacts", type=Path, help="folder of the artifacts, for a store without a server")
    parser.add_argument("--plan", type=Path, required=True, help="output: JSON")
    arguments = parser.parse_args()
    members = {name: tracking.Membership(**value) for name, value in json.loads(arguments.members).items()}
    plan = tracking.Plan(tracking.Store(arguments.uri, arguments.experiment), members)
    tracking.create_store(plan.store, arguments.artifacts, DESCRIPTION)
    plan.write(arguments.plan)


if __name__ == "__main__":
    command.run(main)
