"""How does the outside write it? One file per destination."""
