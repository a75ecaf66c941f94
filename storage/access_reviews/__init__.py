"""Access reviews: who and what may do something here, looked at each quarter by somebody who does not hold it."""
