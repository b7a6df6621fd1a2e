"""The page a person opens: static files, French and English."""
