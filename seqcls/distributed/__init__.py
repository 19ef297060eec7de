"""One training in several processes: which rank this process is, and what the ranks exchange."""
