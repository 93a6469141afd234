"""The data: CIFAR-10 and data of one's own, where they come from, and how they are prepared. Knows nothing of networks, runs or MLflow."""
