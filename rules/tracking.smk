# MLflow: create the store before any training, and publish runs and comparisons after.
from convnets.workflow import pending


rule create_store:
    input:
        stale=steps.marker("create_store", pending.store_reasons),
    output:
        plan="<results>/tracking/plan.json",
        stamp="<results>/stamps/create_store.json",
    log:
        "<logs>/create_store.log",
    localrule: True
    conda:
        "../envs/tracking.yaml"
    params:
        tracking={**asdict(study.store), "artifacts": study.artifacts and str(study.artifacts), "reuse": study.reuse},
        members=asdict(study.plan)["members"],
        job=steps.job("create_store"),
    shell:
        "create_store.py {params.job:q} > {log:q} 2>&1"


rule publish_comparisons:
    input:
        plan="<results>/tracking/plan.json",
        runs=runs_of(),
        figures=expand("<results>/figures/{comparison}.svg", comparison=study.in_report),
        stale=steps.marker("publish_comparisons", pending.publishing_reasons),
    output:
        published="<results>/tracking/published.json",
        stamp="<results>/stamps/publish_comparisons.json",
    log:
        "<logs>/publish_comparisons.log",
    localrule: True
    conda:
        "../envs/training.yaml"
    params:
        job=steps.job("publish_comparisons"),
    shell:
        "publish_comparisons.py {params.job:q} > {log:q} 2>&1"


onsuccess:
    print(pending.line(Steps.again(steps)), end="")


onerror:
    print(pending.line(Steps.again(steps)), end="")
