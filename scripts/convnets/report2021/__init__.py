"""The report of 2021: VGG-16, what its tables print, and where it is wrong. Nothing here serves any other study."""
