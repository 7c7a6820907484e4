"""How many labels are enough: studies of label efficiency, and which crop to outline next."""
