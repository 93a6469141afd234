"""Runs in MLflow: live tracking, delivery, publishing, reuse. Knows runs, the study and figures, but no rules."""
