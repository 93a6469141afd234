# Tables, figures, methods and software for LaTeX (make paper). No other rule needs them.
from convnets.freshness.code import library_version


rule write_paper:
    input:
        runs=runs_of(),
        elsewhere=runs_elsewhere(study.variants_elsewhere()),
        tables=expand("<results>/tables/{table}.csv", table=TABLES),
        published=published_curves(study.published),
        texts=text("texts.yaml"),
        methods=text("methods.tex.jinja"),
        software=text("software.bib.jinja"),
        example=text("example.tex.jinja"),
        citation=text("../CITATION.cff"),
        stale=steps.marker("write_paper", is_extra=True),
    output:
        tables=expand("<results>/paper/{table}.tex", table=TABLES),
        one_column=expand("<results>/paper/{figure}_one_column.pdf", figure=FIGURES),
        two_columns=expand("<results>/paper/{figure}_two_columns.pdf", figure=FIGURES),
        methods="<results>/paper/methods.tex",
        software="<results>/paper/software.bib",
        example="<results>/paper/example.tex",
        stamp="<results>/stamps/write_paper.json",
    log:
        "<logs>/write_paper.log",
    localrule: True
    conda:
        "../envs/figures.yaml"
    params:
        **WHOLE_STUDY,
        workflow={name: library_version(name) for name in ("mlflow", "snakemake")},
        job=steps.job("write_paper"),
    shell:
        "write_paper.py {params.job:q} > {log:q} 2>&1"
