# What follows from formulas: VGG-16, and the memory of networks.


rule tabulate_vgg16:
    input:
        stale=marker_of("tabulate_vgg16"),
    output:
        csv=report(
            "<results>/tables/vgg16.csv",
            caption="../report/captions/vgg16.rst",
            category="Tables",
            labels={"table": "VGG-16"},
        ),
        stamp="<results>/stamps/tabulate_vgg16.json",
    log:
        "<logs>/tabulate_vgg16.log",
    conda:
        "../envs/figures.yaml"
    params:
        settings=settings_of("tabulate_vgg16"),
    shell:
        "tabulate_vgg16.py --settings {params.settings:q} --csv {output.csv:q} --stamp {output.stamp:q} > {log:q} 2>&1"


rule draw_vgg16:
    input:
        stale=marker_of("draw_vgg16"),
    output:
        svg=report(
            "<results>/figures/vgg16.svg",
            caption="../report/captions/vgg16_figure.rst",
            category="Figures",
            labels={"figure": "Figure 7: VGG-16"},
        ),
        png="<results>/figures/vgg16.png",
        stamp="<results>/stamps/draw_vgg16.json",
    log:
        "<logs>/draw_vgg16.log",
    conda:
        "../envs/figures.yaml"
    params:
        settings=settings_of("draw_vgg16"),
    shell:
        "draw_vgg16.py --settings {params.settings:q} --figures {output.svg:q} {output.png:q} --stamp {output.stamp:q}"
        " > {log:q} 2>&1"


rule tabulate_memory:
    input:
        dense=read_by("tabulate_memory", files_of_runs("metrics.json", configuration.memory["dense"])[:1]),
        conv1x1=read_by("tabulate_memory", files_of_runs("metrics.json", configuration.memory["conv1x1"])[:1]),
        stale=marker_of("tabulate_memory"),
    output:
        csv=report(
            "<results>/tables/memory.csv",
            caption="../report/captions/memory.rst",
            category="Tables",
            labels={"table": "Memory"},
        ),
        markdown="<results>/tables/memory.md",
        stamp="<results>/stamps/tabulate_memory.json",
    log:
        "<logs>/tabulate_memory.log",
    conda:
        "../envs/figures.yaml"
    params:
        settings=settings_of("tabulate_memory"),
    shell:
        "tabulate_memory.py --settings {params.settings:q} --dense {input.dense:q} --conv1x1 {input.conv1x1:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --stamp {output.stamp:q} > {log:q} 2>&1"
