"""The Python side of policy.polar: principals, actions, and the one door, compiled to SQL."""
