"""Floor 8: how fast a config compiles, starts, samples and trains on the devices there are.

    command  ->  sheet (one config after another)  ->  worker processes  ->  sampling, steps (what is measured)
    counting: what a program computes, read off its jaxpr      chart, table: what a person sees

The asking process never touches a device; every config is measured in processes of its own, because compilation, start
and memory are properties of a process. Nothing here fails for being slow; wrong images and recompilation fail.
"""
