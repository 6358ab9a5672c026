"""What happens to the replicas and their surroundings. A scenario is a module with

NAME, the seconds of a short and of a usual run, `missing(world)`: why it is not possible here ("" if it is), and
`run(stage, seconds)`. Add one more by its file and its place in `ALL`.
"""

from scenarios import clock, kill, partition, postgres, providers, redis, rolling

ALL = {module.NAME: module for module in (kill, postgres, redis, providers, clock, partition, rolling)}

# Those of `--short`, in this order.
SHORT = ("kill", "postgres", "redis", "rolling")
