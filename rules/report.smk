# The page that tells the whole story, from all runs, tables and figures. Snakemake's report opens with it (make report).


rule write_overview:
    input:
        metrics=read_by("write_overview", files_of_runs("metrics.json", configuration.variants)),
        runs=read_by("write_overview", files_of_runs(["history.csv", "record.json", "stamp.json"], configuration.variants)),
        shown=read_by("write_overview", shown_in_overview()),
        published=read_by("write_overview", [] if configuration.runs_from else ["<results>/tracking/published.json"]),
        stale=marker_of("write_overview"),
    output:
        html=report(
            "<results>/report/overview.html",
            caption="../report/captions/overview.rst",
            category="Overview",
            labels={"page": "The overview by itself"},
        ),
        stamp="<results>/stamps/write_overview.json",
    log:
        "<logs>/write_overview.log",
    conda:
        "../envs/figures.yaml"
    params:
        arguments=arguments_of("write_overview", "metrics", "shown", "published"),
        texts=os.path.relpath(workflow_steps.TEXTS),  # the report shows parameters, and should not show where it was made
    shell:
        "write_overview.py {params.arguments:q} --texts {params.texts:q}"
        " --html {output.html:q} --stamp {output.stamp:q} > {log:q} 2>&1"
