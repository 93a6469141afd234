# The whole comparison: from the data set through each variant's training to every figure and table.
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))


report: "report/workflow.rst"


configfile: "config.yaml"


include: "rules/common.smk"


if study.runs_from is None:

    include: "rules/data.smk"
    include: "rules/tracking.smk"
    include: "rules/train.smk"


include: "rules/compare.smk"
include: "rules/claims.smk"
include: "rules/theory.smk"
include: "rules/report.smk"


# With a batch system, only trainings are submitted: all else takes seconds, and the data set comes through the login node's network.
rule all:
    default_target: True
    input:
        [] if study.runs_from else ["<results>/data/manifest.json", "<results>/tracking/published.json"],
        [] if study.runs_from else files_of(["history.csv", "metrics.json", "model.keras", "record.json", "stamp.json"]),
        expand("<results>/figures/{figure}.{kind}", figure=[*study.comparisons, "vgg16"], kind=["svg", "png"]),
        expand("<results>/tables/{table}.csv", table=["variants", "convergence", "claims", "errata", "memory", "vgg16"]),
        expand("<results>/tables/{table}.md", table=["variants", "convergence", "claims", "errata", "memory"]),
        "<results>/report/overview.html",
    localrule: True


steps.settle_times()
