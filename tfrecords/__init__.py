"""The record, its shards, and the folder that holds them. Only `reader` and `tfds_info` import TensorFlow."""
