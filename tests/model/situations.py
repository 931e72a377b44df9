#!/usr/bin/env python3
"""Situations for the Rust model: what the specification, `ledger.py`, makes of each pull and push of its random walks.
    situations.py COUNT [WALK]    the walks with the numbers WALK, WALK + 1, ... until there were COUNT situations; WALK is 0 unless told.
Each line is JSON: {"walk": NUMBER} where one begins, {"dots": [...]} for a set of dots that later lines name by its place among these of the walk,
and {"pull": ...} or {"push": ...} with what there was before and after. A snapshot is told by the push that made it, and by the dot of that push ever after.
Exits 1 if the specification breaks its own promises."""
import itertools, json, sys
import ledger

STEPS = 60
pull, push = ledger.pull, ledger.push
makers, sets, lines = {}, {}, set()          # of one walk: snapshot -> dot of the push that made it; set of dots -> its place; situations
left = 0

class Enough(Exception): pass

# Nobody changes a ledger, or what is in a state's dictionaries: without copies of these the walks are twice as fast.
def copied(state, _):
    other = ledger.State(); other.__dict__.update({name: dict(value) for name, value in vars(state).items() if name != "ledger"}, ledger=state.ledger)
    return other
ledger.State.__deepcopy__ = copied
ledger.Ledger.__deepcopy__ = lambda known, _: known

def say(something): print(json.dumps(something, separators=(",", ":"), sort_keys=True))
def place(dots):
    key = frozenset(dots)
    if key not in sets: sets[key] = len(sets); say({"dots": sorted(f"{dot:016x}" for dot in key)})
    return sets[key]
def snapshots(some): return place(makers[name] for name in some)

def book(known):
    units = {unit: {f"{dot:016x}": [v.digest, snapshots(v.holders)] for dot, v in sorted(versions.items())} for unit, versions in sorted(known.units.items())}
    return {"context": place(known.context), "units": units}
def pc(state, disk):
    by_unit = lambda dots: {unit: place(some) for unit, some in sorted(dots.items())}
    return {"ledger": book(state.ledger), "manifest": dict(state.manifest), "applied": by_unit(state.applied), "owed": by_unit(state.owed), "disk": dict(disk)}
def scoped(scope): return [unit for unit in ("w0", "w1", "w2") if scope(unit)]

def tell(situation, key):
    """Tells it once a walk: at its end all PCs are equal for many rounds."""
    global left
    if key in lines: return
    if not left: raise Enough
    left -= 1; lines.add(key); say(situation)

def told_pull(state, disk, repo, cloud, scope, ask):
    questions, seen = [], {str(other): snapshots(some) for other, some in sorted(state.seen.items())}
    situation = {"before": pc(state, disk), "seen": seen, "repo": str(repo), "cloud": snapshots(cloud), "scope": scoped(scope)}
    def asked(unit, here, versions, lost):
        stale = sys._getframe(1).f_locals["stale"]         # `pull` tells it only by `here`, which is missing for two reasons
        answer = ask(unit, here, versions, lost)
        word = "stop" if answer is None else "later" if answer == "later" else {"play": answer}
        questions.append({"unit": unit, "here": here, "versions": {f"{d:016x}": v.digest for d, v in versions.items()}, "lost": lost, "stale": stale, "answer": word})
        return answer
    done = pull(state, disk, repo, cloud, scope, asked)
    situation.update(questions=questions, done=done, after=pc(state, disk))
    tell({"pull": situation}, json.dumps(situation, sort_keys=True))
    return done

def told_push(state, disk, repo, cloud, scope, busy, name, dot, cut_off=None):
    situation = {"before": pc(state, disk), "cloud": snapshots(cloud), "scope": scoped(scope), "busy": sorted(busy), "cut_off": cut_off}
    made = push(state, disk, repo, cloud, scope, busy, name, dot, cut_off)
    makers[name] = dot
    situation.update(made=book(cloud[name]) if name in cloud else None, after=pc(state, disk))
    key = json.dumps(situation, sort_keys=True)            # without the dot: while nothing is made by it, it is no difference
    tell({"push": {**situation, "dot": f"{dot:016x}"}}, key)
    return made

def rare():
    """What walks do not come to: a PC and its copy, which lost its memory, have the same unsaved content, and what it grew out of is current yet."""
    cloud, every, (here, copy), nobody = {}, lambda unit: True, (ledger.State(), ledger.State()), lambda *question: "later"
    told_push(here, {"w0": 1}, 0, cloud, every, set(), "s0", 20)
    told_push(copy, {"w0": 2}, 0, cloud, every, set(), "s1", 10)
    told_pull(here, {"w0": 2}, 0, cloud, every, nobody)
    told_push(here, {"w0": 2}, 0, cloud, every, set(), "s2", 30)

def main():
    global left
    left, first = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    ledger.pull, ledger.push = told_pull, told_push
    for number in itertools.count(first):
        makers.clear(); sets.clear(); lines.clear(); say({"walk": number})
        try:
            if number == first: rare(); makers.clear(); sets.clear(); lines.clear(); say({"walk": number})
            ledger.walk(number, STEPS)
        except Enough: return
        except ledger.Violation as violation: sys.exit(f"walk {number}: {violation}")

if __name__ == "__main__": main()
