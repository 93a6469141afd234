"""Runs in MLflow: live tracking, delivery, publishing, reuse. Knows runs, the study, stamps, models and figures, but no rules."""
