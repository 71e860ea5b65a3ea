"""One file per clinical question. Adding a task is one new file here and nothing else."""
