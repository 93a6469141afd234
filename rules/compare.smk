# Figures and tables of the trained variants.


rule plot_comparison:
    input:
        histories=read_by("plot_comparison", comparison_histories),
        stale=marker_of("plot_comparison"),
    output:
        svg=report(
            "<results>/figures/{comparison}.svg",
            caption="../report/captions/comparison.rst",
            category="Figures",
            labels=title_of_comparison,
        ),
        png="<results>/figures/{comparison}.png",
        stamp="<results>/stamps/plot_comparison/{comparison}.json",
    log:
        "<logs>/plot_comparison/{comparison}.log",
    conda:
        "../envs/figures.yaml"
    params:
        arguments=arguments_of("plot_comparison", "histories"),
    shell:
        "plot_comparison.py {params.arguments:q}" " --figures {output.svg:q} {output.png:q} --stamp {output.stamp:q} > {log:q} 2>&1"


rule tabulate_variants:
    input:
        metrics=read_by("tabulate_variants", files_of_runs("metrics.json", configuration.variants)),
        stale=marker_of("tabulate_variants"),
    output:
        csv=report(
            "<results>/tables/variants.csv",
            caption="../report/captions/variants.rst",
            category="Tables",
            labels={"table": "Variants"},
        ),
        markdown="<results>/tables/variants.md",
        stamp="<results>/stamps/tabulate_variants.json",
    log:
        "<logs>/tabulate_variants.log",
    conda:
        "../envs/figures.yaml"
    params:
        arguments=arguments_of("tabulate_variants", "metrics"),
    shell:
        "tabulate_variants.py {params.arguments:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --stamp {output.stamp:q} > {log:q} 2>&1"
