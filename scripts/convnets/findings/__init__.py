"""What is concluded from runs: intervals, verdicts on claims, tables. Knows runs and the study, and no figure or page."""
