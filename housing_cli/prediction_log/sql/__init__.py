"""The prediction log in SQLite and PostgreSQL."""
