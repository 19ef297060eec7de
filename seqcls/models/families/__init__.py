"""One class a family: its settings, what it suits, its smallest example, and its network."""
