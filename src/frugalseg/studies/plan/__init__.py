"""What has to be done: the fields of each task, which are outlined and which are tests, and one specification per run."""
