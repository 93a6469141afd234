# The whole comparison: from the data set and the trainings to every figure, table and the overview.
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")

BASE = Path(workflow.current_basedir)  # of this workflow, also where another one imports it
sys.path.insert(0, str(BASE / "scripts"))


report: "report/workflow.rst"


configfile: config.get("study", "config.yaml")


include: "rules/common.smk"


pathvars:
    **FOLDERS,


if study.runs_from is None:

    include: "rules/data.smk"
    include: "rules/tracking.smk"
    include: "rules/train.smk"


include: "rules/compare.smk"


if study.claims:

    include: "rules/claims.smk"


include: "rules/theory.smk"
include: "rules/report.smk"
include: "rules/paper.smk"


# Only trainings are submitted to a batch system: all else takes seconds, and compute nodes often cannot download the data set.
rule all:
    default_target: True
    input:
        [] if study.runs_from else ["<results>/data/manifest.json", "<results>/tracking/published.json"],
        expand("<results>/figures/{figure}.svg", figure=FIGURES),
        expand("<results>/tables/{table}.csv", table=TABLES),
        "<results>/report/overview.html",
    localrule: True


steps.settle_times()
