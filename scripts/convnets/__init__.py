"""The library behind the workflow, in rooms; docs/architecture.md has the plan. Each knows only those below it."""
