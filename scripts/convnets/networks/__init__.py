"""The networks: built in Keras, and their shapes, parameters and costs by formula. Knows the data and the settings."""
