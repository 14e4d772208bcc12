"""A run of a job, from its file to its summary."""
