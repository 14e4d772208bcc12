"""The job file: its model, its reading, its templates."""
