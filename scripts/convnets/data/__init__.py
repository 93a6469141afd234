"""The data: CIFAR-10 and own data, where they come from, how they are prepared. Knows no other package."""
