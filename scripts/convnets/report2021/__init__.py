"""The report of 2021: what its tables print, its errata, its figure of VGG-16. No training and no verdict executes its code."""

# What table 1 of the report prints: parameters, and megabytes of 10^6 bytes.
PRINTED_DENSE = (138_357_544, 553.43)
PRINTED_CONV1X1 = (7_079_424 + 1 * 1 * 512 * 10 + 10, 0.8856)
