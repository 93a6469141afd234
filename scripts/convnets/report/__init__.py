"""What is shown: figures, the overview as a page, papers. Knows findings and all below them, and not MLflow."""
