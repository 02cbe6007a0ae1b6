"""The targets: what must be reached (floor), what it is for (goal), and which of the two a session reached."""
from dataclasses import dataclass

GIB = 2**30


@dataclass
class Target:
    what: str
    measured: float | None
    floor: float | None
    goal: float | None
    form: str
    at_least: bool = True             # else at most
    remark: str = ""

    def reaches(self, limit):
        return limit is not None and (self.measured >= limit if self.at_least else self.measured <= limit)

    @property
    def verdict(self):
        if self.measured is None:
            return "not measured"
        return "goal" if self.reaches(self.goal) else "floor" if self.reaches(self.floor) else "**missed**"


def by_key(shape):
    return {result["key"]: result for result in shape["results"]} if shape else {}


def seconds(shape, key):
    return (by_key(shape).get(key) or {}).get("seconds")


def fastest(shape, kind, right_only=False):
    """The quickest of the other tools, the script itself not being one."""
    rivals = [result for result in (shape or {"results": []})["results"]
              if result["kind"] == kind and result["seconds"] and not (right_only and result["wrong"])
              and not result["key"].startswith(("h5inbox", "reference:"))]
    return min(rivals, key=lambda result: result["seconds"], default=None)


def ratio(upper, lower):
    return upper / lower if upper and lower else None


def worst(shapes):
    """The shape with the least lead over the best other tool, and the lead."""
    leads = {}
    for name, shape in shapes.items():
        best, own = fastest(shape, "hdf5"), seconds(shape, "h5inbox")
        if best and own:
            leads[name] = best["seconds"] / own
    name = min(leads, key=leads.get, default=None)
    return name, leads.get(name)


def speed_targets(results, cores):
    shapes = results.get("shapes", {})
    stock = shapes.get("stock")
    own, best = seconds(stock, "h5inbox"), fastest(stock, "hdf5")
    feather, parquet = fastest(stock, "feather"), fastest(stock, "parquet")
    weakest, lead = worst(shapes)
    return [
        Target("stock: against the script, one process", ratio(seconds(stock, "reference:1"), own), 30, 60, "{:.1f}×"),
        Target("stock: against the script in a process pool", ratio(seconds(stock, f"reference:{cores}"), own), 20, 40,
               "{:.1f}×"),
        Target("stock: against the best other tool to HDF5", ratio(best and best["seconds"], own), 4, 8, "{:.1f}×",
               remark=best["label"] if best else ""),
        Target("stock: to Feather, against the best other tool",
               ratio(feather and feather["seconds"], seconds(stock, "h5inbox_feather")), 4, 8, "{:.1f}×"),
        Target("stock: to Parquet, against the best other tool",
               ratio(parquet and parquet["seconds"], seconds(stock, "h5inbox_parquet")), 4, 8, "{:.1f}×"),
        Target("every shape: against the best other tool to HDF5", lead, 1, None, "{:.1f}×",
               remark=f"the least: {weakest}" if lead else ""),
        Target("stock: against reading the input and writing as many bytes", ratio(own, seconds(stock, "floor")),
               4, 2, "{:.1f}×", at_least=False),
    ]


def scaling_targets(results, cores):
    scaling, tops = results.get("scaling", {}), str(cores)
    many, one = scaling.get("many files"), scaling.get("one file")
    per_core = many and many["bytes"] / many["cpu"]["1"] / 1e6
    gain = one and cores > 1 and one["seconds"]["1"] / one["seconds"][tops] or None
    return [
        Target("one core, parsing, a second", per_core, 600, 1000, "{:.0f} MB/s",
               remark="of the whole conversion; parsing alone is faster"),
        Target(f"one big file: {cores} workers against one", gain, .8 * cores, .95 * cores, "{:.2f}×"),
    ]


def agent_targets(results):
    small, latency, idle = (results.get(part) for part in ("small", "latency", "idle"))
    rate = small and small["agent"]["files"] / small["agent"]["seconds"]
    pool = small and seconds(small["peers"], f"reference:{results['machine']['cores']}")
    pool_rate = pool and small["peers"]["files"] / pool
    share = idle and 100 * idle["share"]
    kept = f"with {idle['files']:,} kept files" if idle else "with 100,000 kept files"
    return [
        Target("small files dropped on the agent, durable, against the script's pool", ratio(rate, pool_rate),
               10, None, "{:.1f}×"),
        Target("the same, files a second", rate, None, 1000, "{:.0f}"),
        Target("rename to output, idle agent, median", latency and latency["p50_ms"], 20, 5, "{:.1f} ms",
               at_least=False),
        Target("rename to output, idle agent, 99th percentile", latency and latency["p99_ms"],
               None, 20, "{:.1f} ms", at_least=False),
        Target(f"idle agent {kept}, share of a core", share, 1, .2, "{:.2f} %", at_least=False),
    ]


def memory_targets(results):
    memory = results.get("memory", {})
    whole = memory.get("one file of 4 GiB")
    peak = whole and max(whole["peak_bytes"].values()) / GIB
    return [Target("peak memory, one file of 4 GiB, 2 workers", peak, 1.5, .5, "{:.2f} GiB", at_least=False)]


def targets(results):
    cores = results["machine"]["cores"]
    return [*speed_targets(results, cores), *scaling_targets(results, cores), *agent_targets(results),
            *memory_targets(results)]
