"""Lock-downs: what goes on in one (`holding`), and how one begins and ends (`deciding`)."""
