"""What is measured, and against what. Figures are ratios within one run; they are read, never asserted."""
