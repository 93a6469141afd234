"""The data: what CIFAR-10 is, where it comes from, and how it is prepared. Knows nothing of networks, runs or MLflow."""
