"""The steps of the workflow, the frame of their scripts, and the commands on a whole study. Knows every room."""
