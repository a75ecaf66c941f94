"""What people are promised about their data, in plain words, beside the registers that it is made from."""
