"""What a prediction does when the photo or the model is changed."""
