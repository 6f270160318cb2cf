"""The workspace on disk: its files, its index, its metric logs and its content store."""
