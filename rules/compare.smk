# Figures and tables of the trained variants.


rule plot_comparison:
    input:
        histories=comparison_histories,
    output:
        svg="<results>/figures/{comparison}.svg",
        png="<results>/figures/{comparison}.png",
    log:
        "<logs>/plot_comparison/{comparison}.log",
    conda:
        "../envs/figures.yaml"
    params:
        comparison=lambda wildcards: configuration.comparisons[wildcards.comparison].to_json(),
        code=step_digest("plot_comparison"),
        seeds=str(configuration.seeds),
    shell:
        "plot_comparison.py --comparison {params.comparison:q} --histories {input.histories:q}"
        " --figures {output.svg:q} {output.png:q} > {log:q} 2>&1"


rule tabulate_variants:
    input:
        metrics=files_of_runs("metrics.json", configuration.variants),
    output:
        csv="<results>/tables/variants.csv",
        markdown="<results>/tables/variants.md",
    log:
        "<logs>/tabulate_variants.log",
    conda:
        "../envs/figures.yaml"
    params:
        labels=json.dumps(configuration.labels),
        code=step_digest("tabulate_variants"),
        seeds=str(configuration.seeds),
    shell:
        "tabulate_variants.py --labels {params.labels:q} --metrics {input.metrics:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} > {log:q} 2>&1"
