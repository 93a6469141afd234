# What is concluded from the runs: claims with their verdicts, the report's errata, and how fast and how well variants learn.


rule tabulate_claims:
    input:
        runs=read_by("tabulate_claims", files_of_runs(["history.csv", "metrics.json"], configuration.variants_of_claims())),
        stale=marker_of("tabulate_claims"),
    output:
        csv="<results>/tables/claims.csv",
        markdown="<results>/tables/claims.md",
        stamp="<results>/stamps/tabulate_claims.json",
    log:
        "<logs>/tabulate_claims.log",
    conda:
        "../envs/figures.yaml"
    params:
        settings=settings_of("tabulate_claims"),
    shell:
        "tabulate_claims.py --settings {params.settings:q} --runs {input.runs:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --stamp {output.stamp:q} > {log:q} 2>&1"


rule tabulate_errata:
    input:
        claims=read_by("tabulate_errata", [rules.tabulate_claims.output.csv]),
        stale=marker_of("tabulate_errata"),
    output:
        csv="<results>/tables/errata.csv",
        markdown="<results>/tables/errata.md",
        stamp="<results>/stamps/tabulate_errata.json",
    log:
        "<logs>/tabulate_errata.log",
    conda:
        "../envs/figures.yaml"
    params:
        settings=settings_of("tabulate_errata"),
    shell:
        "tabulate_errata.py --settings {params.settings:q} --claims {input.claims:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --stamp {output.stamp:q} > {log:q} 2>&1"


rule tabulate_convergence:
    input:
        runs=read_by("tabulate_convergence", files_of_runs(["history.csv", "metrics.json", "record.json"], configuration.variants)),
        stale=marker_of("tabulate_convergence"),
    output:
        csv="<results>/tables/convergence.csv",
        markdown="<results>/tables/convergence.md",
        stamp="<results>/stamps/tabulate_convergence.json",
    log:
        "<logs>/tabulate_convergence.log",
    conda:
        "../envs/figures.yaml"
    params:
        settings=settings_of("tabulate_convergence"),
    shell:
        "tabulate_convergence.py --settings {params.settings:q} --runs {input.runs:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --stamp {output.stamp:q} > {log:q} 2>&1"
