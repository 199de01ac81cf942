"""Does accuracy depend on the batch size?"""
