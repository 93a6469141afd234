# The verdicts on the claims, and the errata of the report.


rule tabulate_claims:
    input:
        runs=runs_of(study.variants_of_claims()),
        elsewhere=runs_elsewhere(study.variants_of_claims()),
        frozen=FROZEN,
        stale=steps.marker("tabulate_claims"),
    output:
        csv=report("<results>/tables/claims.csv", **in_report("claims", "Tables", {"table": "Claims"})),
        markdown="<results>/tables/claims.md",
        stamp="<results>/stamps/tabulate_claims.json",
    log:
        "<logs>/tabulate_claims.log",
    localrule: True
    conda:
        "../envs/figures.yaml"
    params:
        claims=[claim.model_dump() for claim in study.claims],
        variants=settings_of(study.variants_of_claims()),
        format=asdict(study.described.format),
        studies=STUDIES,
        looks=study.looks,
        terms=TERMS,
        job=steps.job("tabulate_claims"),
    shell:
        "tabulate_claims.py {params.job:q} > {log:q} 2>&1"


if study.replicates:

    rule tabulate_errata:
        input:
            claims="<results>/tables/claims.csv",
            texts=text("errata.yaml"),
            stale=steps.marker("tabulate_errata"),
        output:
            csv=report("<results>/tables/errata.csv", **in_report("errata", "Tables", {"table": "Errata"})),
            markdown="<results>/tables/errata.md",
            stamp="<results>/stamps/tabulate_errata.json",
        log:
            "<logs>/tabulate_errata.log",
        localrule: True
        conda:
            "../envs/figures.yaml"
        params:
            errata={claim.id: claim.erratum for claim in study.claims if claim.erratum},
            job=steps.job("tabulate_errata"),
        shell:
            "tabulate_errata.py {params.job:q} > {log:q} 2>&1"
