"""Files, sealed in segments that open independently."""
