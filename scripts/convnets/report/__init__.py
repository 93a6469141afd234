"""What is shown: figures, and the overview as a page. Knows findings and runs, and not MLflow."""
