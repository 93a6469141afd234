"""Runs in MLflow: followed, delivered, published, fetched. Knows runs, the study and figures, and no rule."""
