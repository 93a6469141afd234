# MLflow: the store before any training, and the comparisons' tags and figures after.


rule create_store:
    input:
        stale=marker_of("create_store"),
    output:
        plan="<results>/tracking/plan.json",
        stamp="<results>/stamps/create_store.json",
    log:
        "<logs>/create_store.log",
    conda:
        "../envs/tracking.yaml"
    params:
        settings=settings_of("create_store"),
        results=subpath(output.plan, ancestor=2),
    shell:
        "create_store.py --settings {params.settings:q} --results {params.results:q}"
        " --plan {output.plan:q} --stamp {output.stamp:q} > {log:q} 2>&1"


rule publish_comparisons:
    input:
        plan=read_by("publish_comparisons", [rules.create_store.output.plan]),
        metrics=read_by("publish_comparisons", files_of_runs("metrics.json", configuration.variants)),
        figures=read_by(
            "publish_comparisons",
            expand("<results>/figures/{comparison}.svg", comparison=configuration.in_report),
        ),
        stale=marker_of("publish_comparisons"),
    output:
        published="<results>/tracking/published.json",
        stamp="<results>/stamps/publish_comparisons.json",
    log:
        "<logs>/publish_comparisons.log",
    conda:
        "../envs/training.yaml"
    params:
        arguments=arguments_of("publish_comparisons", "metrics", "figures"),
        results=subpath(output.published, ancestor=2),
    shell:
        "publish_comparisons.py {params.arguments:q} --plan {input.plan:q}"
        " --unfinished {params.results:q}/unfinished"
        " --published {output.published:q} --stamp {output.stamp:q} > {log:q} 2>&1"


onsuccess:
    print(pending_runs(), end="")


onerror:
    print(pending_runs(), end="")
