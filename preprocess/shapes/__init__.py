"""What the sample set draws: one record of parameters for every kind of thing."""

from __future__ import annotations

from preprocess.shapes.dwellings import House, Tent
from preprocess.shapes.heads import Cat, Face
from preprocess.shapes.nature import Fish, Flower, Sun
from preprocess.shapes.objects import Clock, IceCream
from preprocess.shapes.parts import Part, Shape
from preprocess.shapes.vehicles import Bus, Car
from preprocess.shapes.vessels import Bucket, Cup, Purse
from preprocess.shapes.worn import Shoe, Umbrella

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
