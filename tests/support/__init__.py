"""What the integration tests and the bench stand on: a private PostgreSQL, the
pooler as a process, a raw PostgreSQL client, a network that misbehaves."""
