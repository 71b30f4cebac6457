"""The helpers of the course."""
