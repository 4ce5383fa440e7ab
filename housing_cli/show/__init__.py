"""What people look at: tables, JSON, reports, cards, Prometheus text."""
