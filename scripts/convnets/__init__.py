"""The library behind the workflow. Each package knows only those below it; docs/architecture.md lists them."""
