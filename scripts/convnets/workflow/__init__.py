"""The steps of the workflow, the frame of their scripts, and commands on a whole study. Knows every package but `progress`."""
