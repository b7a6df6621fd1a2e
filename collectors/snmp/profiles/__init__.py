"""Device knowledge as rows: one TOML file a family, written from vendor MIB texts."""
