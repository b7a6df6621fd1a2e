"""What does the standard call it? One module per metric family."""
