"""Who should hear of what happened, and when: records and a moment in, notifications out."""
