"""What the scores say, in plain sentences."""
