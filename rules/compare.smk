# Figures and tables of the trained variants.


rule plot_comparison:
    input:
        runs=lambda wildcards: runs_of(variants_drawn(wildcards)),
        elsewhere=lambda wildcards: runs_elsewhere(variants_drawn(wildcards)),
        published=published_in_comparison,
        stale=steps.marker("plot_comparison"),
    output:
        svg=report("<results>/figures/{comparison}.svg", **in_report("comparison", "Figures", title_of_comparison)),
        png="<results>/figures/{comparison}.png",
        stamp="<results>/stamps/plot_comparison/{comparison}.json",
    log:
        "<logs>/plot_comparison/{comparison}.log",
    priority: FIGURES_FIRST
    localrule: True
    conda:
        "../envs/figures.yaml"
    params:
        comparison=lambda wildcards: asdict(study.comparisons[wildcards.comparison]),
        studies=STUDIES,
        job=steps.job("plot_comparison"),
    shell:
        "plot_comparison.py {params.job:q} > {log:q} 2>&1"


rule tabulate_variants:
    input:
        runs=runs_of(),
        stale=steps.marker("tabulate_variants"),
    output:
        csv=report("<results>/tables/variants.csv", **in_report("variants", "Tables", {"table": "Variants"})),
        markdown="<results>/tables/variants.md",
        stamp="<results>/stamps/tabulate_variants.json",
    log:
        "<logs>/tabulate_variants.log",
    localrule: True
    conda:
        "../envs/figures.yaml"
    params:
        labels=study.labels,
        job=steps.job("tabulate_variants"),
    shell:
        "tabulate_variants.py {params.job:q} > {log:q} 2>&1"


rule tabulate_convergence:
    input:
        runs=runs_of(),
        stale=steps.marker("tabulate_convergence"),
    output:
        csv=report("<results>/tables/convergence.csv", **in_report("convergence", "Tables", {"table": "Convergence"})),
        markdown="<results>/tables/convergence.md",
        stamp="<results>/stamps/tabulate_convergence.json",
    log:
        "<logs>/tabulate_convergence.log",
    localrule: True
    conda:
        "../envs/figures.yaml"
    params:
        variants=settings_of(study.variants),
        labels=study.labels,
        accuracies=study.accuracies,
        format=asdict(study.described.format),
        job=steps.job("tabulate_convergence"),
    shell:
        "tabulate_convergence.py {params.job:q} > {log:q} 2>&1"


if study.published:

    rule tabulate_curves:
        input:
            runs=runs_of(),
            published=published_curves(study.published),
            stale=steps.marker("tabulate_curves"),
        output:
            csv=report("<results>/tables/curves.csv", **in_report("curves", "Tables", {"table": "Published curves"})),
            markdown="<results>/tables/curves.md",
            stamp="<results>/stamps/tabulate_curves.json",
        log:
            "<logs>/tabulate_curves.log",
        localrule: True
        conda:
            "../envs/figures.yaml"
        params:
            labels=study.labels,
            figures=list(study.published.values()),
            job=steps.job("tabulate_curves"),
        shell:
            "tabulate_curves.py {params.job:q} > {log:q} 2>&1"
