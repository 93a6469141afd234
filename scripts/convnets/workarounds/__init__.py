"""Work-arounds for bugs of other projects, a module for each project. Knows nothing of the project but its errors."""
