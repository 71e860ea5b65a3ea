"""What a bundle is for: predicting from files."""
