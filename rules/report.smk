# The overview page of all runs, tables and figures. Snakemake's report opens with it (make report).

# A rule that is called tabulate_{table} makes <results>/tables/{table}.csv, one called draw_{figure} <results>/figures/{figure}.svg.
TABLES = steps.made_by("tabulate_")
FIGURES = [*study.comparisons, *steps.made_by("draw_")]
WHOLE_STUDY = {
    "claims": [claim.model_dump() for claim in study.claims],
    "variants": settings_of(study.variants),
    "labels": study.labels,
    "title": study.title,
    "replicates": study.replicates,
    "comparisons": [asdict(comparison) for comparison in study.comparisons.values()],
    "seeds": study.seeds,
    "looks": study.looks,
    "studies": STUDIES,
    "dataset": study.dataset,
    "images": study.images,
    "total": study.described.counts["train"],
    "accuracies": study.accuracies,
    "format": asdict(study.described.format),
}


rule write_overview:
    input:
        runs=runs_of(),
        elsewhere=runs_elsewhere(study.variants_elsewhere()),
        tables=expand("<results>/tables/{table}.csv", table=TABLES),
        figures=expand("<results>/figures/{figure}.svg", figure=FIGURES),
        published=[] if study.runs_from else "<results>/tracking/published.json",
        texts=text("texts.yaml"),
        template=text("overview.html.jinja"),
        style=text("overview.css"),
        frozen=FROZEN,
        stale=steps.marker("write_overview"),
    output:
        html=report("<results>/report/overview.html", **in_report("overview", "Overview", {"page": "The overview by itself"})),
        stamp="<results>/stamps/write_overview.json",
    log:
        "<logs>/write_overview.log",
    localrule: True
    conda:
        "../envs/figures.yaml"
    params:
        **WHOLE_STUDY,
        terms=TERMS,
        interface=study.store.uri if study.store.is_server else None,
        trained=study.runs_from is None,
        job=steps.job("write_overview"),
    shell:
        "write_overview.py {params.job:q} > {log:q} 2>&1"
