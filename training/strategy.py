"""Where training runs: all visible GPUs, or the CPU, always under a distribution strategy."""

from __future__ import annotations

import tensorflow as tf
import tf_keras

from sketchspace.errors import UserError


def make_strategy(virtual_devices: int = 0) -> tf.distribute.Strategy:
    """`MirroredStrategy` over the visible GPUs, or over the CPU where there is none.

    `virtual_devices` > 1 cuts the CPU into that many logical devices, to try several replicas on a
    machine without GPUs. Raises UserError when TensorFlow has already started its devices.
    """
    gpus = tf.config.list_logical_devices("GPU") if virtual_devices <= 1 else []
    if gpus:
        return tf.distribute.MirroredStrategy([gpu.name for gpu in gpus])
    if virtual_devices > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        try:
            parts = [tf.config.LogicalDeviceConfiguration()] * virtual_devices
            tf.config.set_logical_device_configuration(cpu, parts)
        except RuntimeError as error:
            raise UserError(f"--virtual_devices={virtual_devices} came too late ({error})") from None
    cpus = [f"/cpu:{number}" for number in range(max(1, virtual_devices))]
    return tf.distribute.MirroredStrategy(cpus, cross_device_ops=tf.distribute.ReductionToOneDevice())


def set_threads(intra_op: int, inter_op: int) -> None:
    """Threads within one operation, and operations at once; 0 is TensorFlow's choice.

    Must come before the devices start.
    """
    tf.config.threading.set_intra_op_parallelism_threads(intra_op)
    tf.config.threading.set_inter_op_parallelism_threads(inter_op)


def set_numerics(seed: int, deterministic: bool, mixed_precision: str) -> None:
    """Seed Python, NumPy and TensorFlow; make ops repeat bit for bit if asked; set the float policy.

    `mixed_precision` is `float32`, `mixed_bfloat16` or `mixed_float16`.
    """
    tf_keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    tf_keras.mixed_precision.set_global_policy(mixed_precision)
