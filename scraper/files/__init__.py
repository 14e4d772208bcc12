"""Files: their names, their types, the output folder."""
