"""All results of a study in files: tables, figures, and one HTML page."""
