"""What a file and its pixels tell before any network looks at them."""
