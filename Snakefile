# The whole comparison: from the data set through each variant's training to every figure and table.
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))


report: "report/workflow.rst"


configfile: "config.yaml"


include: "rules/common.smk"


if configuration.runs_from is None:

    include: "rules/data.smk"
    include: "rules/tracking.smk"
    include: "rules/train.smk"


include: "rules/compare.smk"
include: "rules/claims.smk"
include: "rules/theory.smk"
include: "rules/report.smk"


# With a batch system, only trainings are submitted: all else takes seconds, and the data set comes through the login node's network.
localrules:
    all,
    get_cifar10,
    prepare_dataset,
    create_store,
    plot_comparison,
    tabulate_variants,
    tabulate_memory,
    tabulate_claims,
    tabulate_errata,
    tabulate_convergence,
    tabulate_vgg16,
    draw_vgg16,
    publish_comparisons,
    write_overview,


rule all:
    default_target: True
    input:
        trained(),
        expand("<results>/figures/{figure}.{kind}", figure=FIGURES, kind=["svg", "png"]),
        expand("<results>/tables/{table}.csv", table=[*TABLES, "vgg16"]),
        expand("<results>/tables/{table}.md", table=TABLES),
        "<results>/report/overview.html",
