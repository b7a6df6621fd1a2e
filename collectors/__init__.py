"""What did the device say? One file or folder per protocol; device knowledge is data."""
