#!/usr/bin/env python3
"""The ledger of versions, as an executable specification (no restic, no files): what `shared/model.md` says in words.
    ledger.py [WALKS] [STEPS]    random walks of 2-4 PCs against an oracle that knows the true history; prints a count, exits 1 on the first violation.
A unit is a world, a setting or a file; here just a name. A content is a fresh integer; the oracle keeps, for each, the contents it grew out of."""
import random, sys, copy
from collections import namedtuple

# ---- the specification ---------------------------------------------------------------------------------------------------------------
# A version of a unit is told by its dot: the random id of the push that made it. `digest` is its content.
Version = namedtuple("Version", "digest holders")          # holders: snapshots that have its files

class Ledger:
    """What one snapshot, or one PC, knows: every push it has taken in (`context`), and for each unit the versions that nothing supersedes.
    Deleted is: no version, and the dot of the last one in the context. Two versions of a unit are an open question, and may stay that."""
    def __init__(self, context=(), units=()): self.context, self.units = set(context), {u: dict(v) for u, v in dict(units).items()}
    def join(a, b):
        """Least upper bound: commutative, associative, idempotent. A version that one side lacks although it took in its push is superseded."""
        units = {}
        for unit in a.units.keys() | b.units.keys():
            x, y = a.units.get(unit, {}), b.units.get(unit, {})
            kept = {d: v for d, v in x.items() if d in y or d not in b.context} | {d: v for d, v in y.items() if d in x or d not in a.context}
            kept = {d: Version(v.digest, v.holders | (x[d].holders if d in x else set()) | (y[d].holders if d in y else set())) for d, v in kept.items()}
            if kept: units[unit] = kept
        return Ledger(a.context | b.context, units)

class State:
    """state.json: the ledger of all that was taken in, and what of it lies on the disk."""
    def __init__(self): self.ledger, self.manifest, self.applied, self.owed, self.seen = Ledger(), {}, {}, {}, {}
    # manifest: unit -> digest that disk and `applied` agreed on; applied: unit -> dots that it is; owed: unit -> dots that the next push supersedes

def dirty(state, disk, unit): return disk.get(unit) != state.manifest.get(unit) or unit in state.owed

def read(repo, cloud, state):
    """Takes in what is new in the cloud. Snapshots that are superseded may be skipped for speed; joining them changes nothing."""
    new = state.ledger
    for snapshot in cloud.keys() - state.seen.get(repo, set()): new = new.join(cloud[snapshot])
    return new

def pull(state, disk, repo, cloud, scope, ask):
    """`ask(unit, here, versions, lost)` -> "later", a digest to play, or None (stop, nothing changes). Gives False if it stopped."""
    known = read(repo, cloud, state)
    settled = copy.deepcopy(state)
    new_disk, ledger = dict(disk), Ledger(known.context, known.units)
    elsewhere = set().union(*(ids for other, ids in state.seen.items() if other != repo))
    for unit in sorted(known.units.keys() | disk.keys() | settled.manifest.keys()):
        if not scope(unit): continue
        mine, here = settled.applied.get(unit, frozenset()), disk.get(unit)
        # a version of which retention removed the files is no candidate any more, unless it is the one here; that there was one still counts
        versions = {d: v for d, v in known.units.get(unit, {}).items() if d in mine or v.digest == here or v.holders & cloud.keys()}
        if any(d not in versions and v.holders & elsewhere for d, v in known.units.get(unit, {}).items()): continue    # a current version is in another repository: its turn
        decided = frozenset()
        if unit in settled.owed:
            versions = {d: v for d, v in versions.items() if d not in settled.owed[unit]}
            # decided for a version that another PC has since played on: what it was decided against stays decided
            if versions and here == settled.manifest.get(unit) and mine and not mine & known.units[unit].keys(): decided = settled.owed.pop(unit) & known.units[unit].keys()
        lost = False
        if dirty(settled, disk, unit):
            others = {d: v for d, v in versions.items() if d not in mine}
            again = {d for d, v in others.items() if v.digest == settled.manifest.get(unit)}    # the content that this PC's grew out of is no change against it
            if again: settled.owed[unit] = settled.owed.get(unit, frozenset()) | again | mine; others = {d: v for d, v in others.items() if d not in again}
            if not others: continue                                        # ours alone: kept, also against a deletion elsewhere
            if here is None: choice = None                                 # deleted here, changed there: it comes back
            elif all(v.digest == here for v in others.values()): choice = here
            else: choice = "ask"
        else:
            others = versions
            if not versions:
                if here is not None and known.units.get(unit): settled.owed[unit] = frozenset(known.units[unit])    # what came after it is lost: it counts again
                elif here is not None and mine: new_disk.pop(unit, None); settled.manifest.pop(unit, None); settled.applied.pop(unit, None)
                continue
            lost = len(versions) + len(decided) < len(known.units[unit]) and unit not in settled.owed and here is not None and not mine & versions.keys() and {v.digest for v in versions.values()} != {here}
            choice = "ask" if lost or len({v.digest for v in versions.values()}) > 1 else None
        digests = {v.digest for v in others.values()}
        if choice is None and len(digests) == 1:
            new_disk[unit] = settled.manifest[unit] = digests.pop(); settled.applied[unit] = frozenset(others); settled.owed.pop(unit, None)
            if decided: settled.owed[unit] = decided | frozenset(others)
            continue
        if choice == here and here is not None and len(digests) == 1:
            settled.manifest[unit] = here; settled.applied[unit] = frozenset(others) | mine & versions.keys(); settled.owed.pop(unit, None)
            if mine & versions.keys(): settled.owed[unit] = frozenset(versions)
            continue
        stale = not dirty(settled, disk, unit) and not mine & versions.keys() and not lost      # what is here is older than all of them: no candidate
        answer = ask(unit, None if stale else here, others if dirty(settled, disk, unit) else versions, lost)
        if answer is None: return False
        if answer == "later":
            if stale:                                                      # the newest is played meanwhile
                dot = max(versions)
                new_disk[unit] = settled.manifest[unit] = versions[dot].digest; settled.applied[unit] = frozenset({dot})
            continue
        # a decision is a version of its own, whichever content it took; two PCs that decide differently are asked again
        new_disk[unit] = settled.manifest[unit] = answer; settled.applied[unit] = frozenset(d for d, v in versions.items() if v.digest == answer); settled.owed[unit] = frozenset(known.units.get(unit, {})) | mine | settled.owed.get(unit, frozenset())
    settled.ledger, settled.seen = ledger, {**state.seen, repo: set(cloud)}
    state.__dict__.update(settled.__dict__); disk.clear(); disk.update(new_disk); return True

def push(state, disk, repo, cloud, scope, busy, name, dot, cut_off=None):
    """Saves what is here on top of what this PC has taken in. Needs no look at other PCs' work, and never supersedes what it has not taken in.
    The state is written before the upload, as it will be, but that nobody holds the versions yet; so a push that is cut off needs no memory of its own:
    if it came through, its snapshot is a holder like any other; if not, its versions are here and nowhere, which is a reason to push."""
    alive = cloud.keys()
    changed = [u for u in disk.keys() | state.manifest.keys() if scope(u) and dirty(state, disk, u) and u not in busy]
    held = lambda u, d: state.ledger.units.get(u, {}).get(d, Version(0, set())).holders & alive or any(d in l.units.get(u, {}) and s in l.units[u][d].holders for s, l in cloud.items())
    lost = [u for u, dots in state.applied.items() if u in disk and scope(u) and u not in busy and dots and not any(held(u, d) for d in dots)]
    told = set().union(*(l.context for l in cloud.values()))               # looked at only if snapshots went away or a push was cut off
    if not changed and not lost and state.ledger.context <= told: return None
    units = {u: dict(v) for u, v in state.ledger.units.items()}
    for unit in changed:
        gone = state.applied.get(unit, frozenset()) | state.owed.pop(unit, frozenset())
        rest = {d: v for d, v in units.get(unit, {}).items() if d not in gone}
        if unit in disk: rest[dot] = Version(disk[unit], set()); state.manifest[unit] = disk[unit]; state.applied[unit] = frozenset({dot})
        else: state.manifest.pop(unit, None); state.applied.pop(unit, None)
        units[unit] = rest
        if not rest: units.pop(unit)
    state.ledger = Ledger(state.ledger.context | {dot}, units)             # written here
    if cut_off == "before": return None
    saved = Ledger(state.ledger.context, units)
    for unit in disk:                                                      # the snapshot has the files of all that is here, so it holds them, too
        if scope(unit) and unit not in busy:
            for d in state.applied.get(unit, ()):
                if d in saved.units.get(unit, {}): saved.units[unit][d] = Version(disk[unit], saved.units[unit][d].holders | {name})
    cloud[name] = saved
    if cut_off == "after": return name
    state.ledger = Ledger(saved.context, saved.units); state.seen = {**state.seen, repo: state.seen.get(repo, set()) | {name}}
    return name

# ---- the walk ------------------------------------------------------------------------------------------------------------------------
class Violation(Exception): pass

def walk(seed, steps):
    rnd = random.Random(seed); fresh = iter(range(1, 10**9)); past, grew = {}, {}    # content -> contents it grew out of, itself included; `past` with what was decided against
    units = [f"w{i}" for i in range(3)]; clouds, pcs = [{}, {}], []     # the second one is a backup that some pushes go to
    gone_past = {}                                                         # (pc, unit) -> what a deletion there has seen
    def add(): pcs.append({"state": State(), "disk": {}, "scope": set(units), "n": len(pcs)})
    for _ in range(rnd.randint(2, 4)): add()
    for pc in pcs:
        if rnd.random() < .2: pc["scope"] = set(rnd.sample(units, 2))
    dot = lambda: rnd.getrandbits(64); backups = []; two = rnd.choice([0, 0, .15])
    trace, unknowable = [], set()        # contents of which no ledger can know what they grew out of
    def do_pull(pc, answer, repo=0):
        cloud = clouds[repo]
        before, asked = dict(pc["disk"]), []
        def ask(unit, here, versions, lost):
            contents = {v.digest for v in versions.values()} | ({here} if here else set())
            for a in contents:
                for b in contents:
                    if a != b and a in grew[b] and not unknowable & grew[b] and not lost: raise Violation(f"asked about {unit}: {a} is an ancestor of {b}")
            asked.append((unit, here, set(v.digest for v in versions.values())))
            if answer in ("stop", "later"): return None if answer == "stop" else "later"
            chosen = here if answer == "local" and here else max(v.digest for v in versions.values())
            past[chosen] = past[chosen].union(*(past[c] for c in contents)); unknowable.add(chosen)   # a decision is a version of its own
            return chosen
        done = pull(pc["state"], pc["disk"], repo, cloud, lambda u: u in pc["scope"], ask)
        for unit, dots in pc["state"].owed.items():                        # what the next push supersedes, it has seen; and a known content becomes a new version
            unknowable.add(pc["disk"].get(unit))
            for d in dots & pc["state"].ledger.units.get(unit, {}).keys():
                if unit not in pc["disk"]: gone_past[(pc["n"], unit, d)] = past[pc["state"].ledger.units[unit][d].digest]
                else: past[pc["disk"][unit]] = past[pc["disk"][unit]] | past[pc["state"].ledger.units[unit][d].digest]
        if not done and pc["disk"] != before: raise Violation("a pull that stopped changed something")
        for unit, old in before.items():
            new = pc["disk"].get(unit)
            q = [a for a in asked if a[0] == unit]
            if new == old or q: continue
            if new is None:
                if not any(old in g for g in gone_past.values()): raise Violation(f"{unit}: {old} was removed though nobody deleted it")
            elif old not in past[new] and not any(old in g for g in gone_past.values()): raise Violation(f"{unit}: {old} was replaced by {new}, which never saw it")
        return done
    for step in range(steps):
        pc = rnd.choice(pcs); st, disk = pc["state"], pc["disk"]; act = rnd.random(); unit = rnd.choice(units)
        repo = int(rnd.random() < two); cloud = clouds[repo]
        trace.append((step, pc["n"], round(act, 3), unit))
        try:
            if act < .30 and unit in pc["scope"]:                          # play
                c = next(fresh); old = disk.get(unit); disk[unit] = c
                past[c], grew[c] = {c} | past.get(old, set()), {c} | grew.get(old, set())
            elif act < .35 and unit in disk and unit in pc["scope"]:       # delete
                gone_past[(pc["n"], step)] = past[disk[unit]]; del disk[unit]
            elif act < .58: push(st, disk, repo, cloud, lambda u: u in pc["scope"], {unit} if rnd.random() < .15 else set(), f"s{step}", dot())
            elif act < .62: push(st, disk, repo, cloud, lambda u: u in pc["scope"], set(), f"s{step}", dot(), rnd.choice(["before", "after"]))
            elif act < .90: do_pull(pc, rnd.choice(["local", "cloud", "later", "stop"]), repo)
            elif act < .92 and len(pcs) < 5:                               # the folder is copied to another PC
                twin = copy.deepcopy(pc); twin["n"] = len(pcs); pcs.append(twin)
                unknowable |= {disk[u] for u in disk if dirty(st, disk, u)}    # unsaved when it was copied: nothing tells that both grew out of it
            elif act < .94 and len(cloud) > 3:                             # retention: the oldest snapshots go
                for s in sorted(cloud, key=lambda s: int(s[1:]))[:len(cloud) // 3]: del cloud[s]
            elif act < .95: pc["state"] = State(); unknowable |= set(disk.values())   # state.json lost: what is here is a stranger to the cloud
            elif act < .96: backups.append(copy.deepcopy(clouds[0]))
            elif act < .97 and backups: clouds[0] = copy.deepcopy(rnd.choice(backups))   # the server comes back from a backup
        except Violation as v: raise Violation(f"step {step} pc {pc['n']}: {v}")
    for pc in pcs: pc["scope"] = set(units)
    for round_ in range(3 * len(pcs)):
        for pc in pcs:
            for repo in (0, 1) if two else (0,):
                do_pull(pc, "cloud", repo); push(pc["state"], pc["disk"], repo, clouds[repo], lambda u: True, set(), f"s{steps + round_ * 20 + pc['n'] * 2 + repo}", dot())
    disks = [pc["disk"] for pc in pcs]
    if any(d != disks[0] for d in disks): raise Violation(f"no convergence {disks}")

if __name__ == "__main__":
    walks, steps = (int(a) for a in (sys.argv[1:] + ["2000", "60"][len(sys.argv) - 1:])[:2])
    for seed in range(walks):
        try: walk(seed, steps)
        except Violation as v: print(f"seed {seed}: {v}"); sys.exit(1)
    print(f"{walks} walks of {steps} steps: no version replaced by one that never saw it, no question about an ancestor, all PCs equal at the end")
