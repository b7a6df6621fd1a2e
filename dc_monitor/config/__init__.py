"""The one TOML file a person writes, as a typed model."""
