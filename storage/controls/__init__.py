"""Controls: what is promised, what enforces it, what shows that it holds, and what remains with the operator."""
