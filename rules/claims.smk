# What is concluded from the runs: claims with their verdicts, the report's errata, and how fast and how well variants learn.


rule tabulate_claims:
    input:
        runs=read_by(
            "tabulate_claims",
            files_of_runs(["history.csv", "metrics.json", "record.json"], configuration.variants_of_claims()),
        ),
        stale=marker_of("tabulate_claims"),
    output:
        csv=report(
            "<results>/tables/claims.csv",
            caption="../report/captions/claims.rst",
            category="Tables",
            labels={"table": "Claims"},
        ),
        markdown="<results>/tables/claims.md",
        stamp="<results>/stamps/tabulate_claims.json",
    log:
        "<logs>/tabulate_claims.log",
    conda:
        "../envs/figures.yaml"
    params:
        arguments=arguments_of("tabulate_claims", "runs"),
    shell:
        "tabulate_claims.py {params.arguments:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --stamp {output.stamp:q} > {log:q} 2>&1"


rule tabulate_errata:
    input:
        claims=read_by("tabulate_errata", [rules.tabulate_claims.output.csv]),
        stale=marker_of("tabulate_errata"),
    output:
        csv=report(
            "<results>/tables/errata.csv",
            caption="../report/captions/errata.rst",
            category="Tables",
            labels={"table": "Errata"},
        ),
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
        csv=report(
            "<results>/tables/convergence.csv",
            caption="../report/captions/convergence.rst",
            category="Tables",
            labels={"table": "Convergence"},
        ),
        markdown="<results>/tables/convergence.md",
        stamp="<results>/stamps/tabulate_convergence.json",
    log:
        "<logs>/tabulate_convergence.log",
    conda:
        "../envs/figures.yaml"
    params:
        arguments=arguments_of("tabulate_convergence", "runs"),
    shell:
        "tabulate_convergence.py {params.arguments:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --stamp {output.stamp:q} > {log:q} 2>&1"
