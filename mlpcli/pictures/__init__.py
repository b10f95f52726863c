"""Pictures of runs and explanations, drawn with matplotlib; a file for each picture."""
