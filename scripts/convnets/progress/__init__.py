"""What a workflow is doing now, by its events and by the files that trainings write, and how it is shown. May know any package."""
