"""What the sample set draws: one record of parameters for every kind of thing."""

from __future__ import annotations

from preprocess.sample.shapes.dwellings import House, Tent
from preprocess.sample.shapes.heads import Cat, Face
from preprocess.sample.shapes.nature import Fish, Flower, Sun
from preprocess.sample.shapes.objects import Clock, IceCream
from preprocess.sample.shapes.parts import Part, Shape
from preprocess.sample.shapes.vehicles import Bus, Car
from preprocess.sample.shapes.vessels import Bucket, Cup, Purse
from preprocess.sample.shapes.worn import Shoe, Umbrella

SHAPES: dict[str, type[Shape]] = {
    "bucket": Bucket,
    "bus": Bus,
    "car": Car,
    "cat": Cat,
    "clock": Clock,
    "cup": Cup,
    "face": Face,
    "fish": Fish,
    "flower": Flower,
    "house": House,
    "ice cream": IceCream,
    "purse": Purse,
    "shoe": Shoe,
    "sun": Sun,
    "tent": Tent,
    "umbrella": Umbrella,
}

__all__ = ["SHAPES", "Part", "Shape"]
