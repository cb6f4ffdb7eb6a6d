"""What happens to a prediction, or to a map, if the photo or the model is changed."""
