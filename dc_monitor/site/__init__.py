"""The site: receives line protocol, keeps it, shows what it means."""
