"""Somebody is told: `send` reaches the addresses of [alert], `tell` says each fault once."""
