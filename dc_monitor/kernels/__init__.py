"""What is the number? Arrays in, numbers out; numpy and numba only, nothing of ours."""
