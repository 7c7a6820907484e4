"""What is asked: tasks, starts, budgets and seeds, read from YAML, shipped, or made for a user's own fields."""
