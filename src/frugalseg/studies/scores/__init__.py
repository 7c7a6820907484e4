"""What was measured: rows of scores, and what follows from them in numbers: curves, differences, labels saved."""
