"""What training selects: forms and features of a study beside named biases and beside the fibre of their function."""
