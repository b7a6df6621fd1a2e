"""What a person types: one file per command, each composing the rooms it needs."""
