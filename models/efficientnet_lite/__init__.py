"""EfficientNet-Lite with ImageNet weights: its layers, its weights, the model."""
