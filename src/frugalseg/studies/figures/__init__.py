"""What the scores look like: curves, bars and pictures of test fields."""
