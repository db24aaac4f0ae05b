"""Floor 9: will a config fit a pod that is not at hand, and how fast could it be there?

Estimates from shapes (`memory`, `traffic`, `advice`) are pure functions and take seconds. The rest compiles the real
programs for the pod, in a process of its own (`worker`), with the pod's own compiler and without the pod.
"""
