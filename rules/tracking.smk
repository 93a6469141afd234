# MLflow: the store before any training, and the comparisons' tags and figures after.
DEFAULT_URI = f"sqlite:///{RESULTS.resolve()}/mlflow/mlflow.db"
MEMBERS = {
    variant: {"label": label, "comparisons": configuration.comparisons_of(variant)}
    for variant, label in configuration.labels.items()
}


rule create_store:
    output:
        plan="<results>/tracking/plan.json",
    log:
        "<logs>/create_store.log",
    conda:
        "../envs/tracking.yaml"
    params:
        uri=config["tracking"]["uri"] or DEFAULT_URI,
        experiment=config["tracking"]["experiment"],
        artifacts=([] if config["tracking"]["uri"] else ["--artifacts", str(RESULTS / "mlflow" / "artifacts")]),
        members=json.dumps(MEMBERS, sort_keys=True),
        code=step_digest("create_store"),
    shell:
        "create_store.py --uri {params.uri:q} --experiment {params.experiment:q} {params.artifacts:q}"
        " --members {params.members:q} --plan {output.plan:q} > {log:q} 2>&1"


rule publish_comparisons:
    input:
        plan=rules.create_store.output.plan,
        metrics=files_of_runs("metrics.json", configuration.variants),
        figures=expand("<results>/figures/{comparison}.svg", comparison=configuration.comparisons),
    output:
        published="<results>/tracking/published.json",
    log:
        "<logs>/publish_comparisons.log",
    conda:
        "../envs/tracking.yaml"
    params:
        code=step_digest("publish_comparisons"),
        runs=f"{list(configuration.variants)} {configuration.seeds}",
    shell:
        "publish_comparisons.py --plan {input.plan:q} --metrics {input.metrics:q}"
        " --figures {input.figures:q} --published {output.published:q} > {log:q} 2>&1"
