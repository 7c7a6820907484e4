"""Which crop to outline next."""
