# Results by formula: VGG-16, and the memory of networks.


if study.memory:

    rule tabulate_memory:
        input:
            dense=runs_of([study.memory["dense"]], study.seeds[0]),
            conv1x1=runs_of([study.memory["conv1x1"]], study.seeds[0]),
            stale=steps.marker("tabulate_memory"),
        output:
            csv=report("<results>/tables/memory.csv", **in_report("memory", "Tables", {"table": "Memory"})),
            markdown="<results>/tables/memory.md",
            stamp="<results>/stamps/tabulate_memory.json",
        log:
            "<logs>/tabulate_memory.log",
        localrule: True
        conda:
            "../envs/figures.yaml"
        params:
            labels={head: study.labels[variant] for head, variant in study.memory.items()},
            job=steps.job("tabulate_memory"),
        shell:
            "tabulate_memory.py {params.job:q} > {log:q} 2>&1"


if study.replicates:

    rule tabulate_vgg16:
        input:
            stale=steps.marker("tabulate_vgg16"),
        output:
            csv=report("<results>/tables/vgg16.csv", **in_report("vgg16", "Tables", {"table": "VGG-16"})),
            stamp="<results>/stamps/tabulate_vgg16.json",
        log:
            "<logs>/tabulate_vgg16.log",
        localrule: True
        conda:
            "../envs/figures.yaml"
        params:
            job=steps.job("tabulate_vgg16"),
        shell:
            "tabulate_vgg16.py {params.job:q} > {log:q} 2>&1"

    rule draw_vgg16:
        input:
            stale=steps.marker("draw_vgg16"),
        output:
            svg=report("<results>/figures/vgg16.svg", **in_report("vgg16_figure", "Figures", {"figure": "Figure 7: VGG-16"})),
            png="<results>/figures/vgg16.png",
            stamp="<results>/stamps/draw_vgg16.json",
        log:
            "<logs>/draw_vgg16.log",
        localrule: True
        conda:
            "../envs/figures.yaml"
        params:
            job=steps.job("draw_vgg16"),
        shell:
            "draw_vgg16.py {params.job:q} > {log:q} 2>&1"
