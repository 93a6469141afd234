"""What is concluded from runs: intervals, verdicts on claims, tables. Knows what stands below, down to the study; draws nothing."""
