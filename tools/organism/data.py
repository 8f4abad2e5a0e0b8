"""Writes the organism's measuring files and the data of its arms.

Usage: data.py OUT_DIRECTORY.  Every file has its own seeded generator, so that a change to one never moves another.
Invariants: no measuring file asks one thing twice; the arms' data never holds a charm that is kept back, nor a fact or
a food that is measured.  They are checked before anything is written.
"""

import json
import pathlib
import random
import sys

from corpus import CHARM_FACTS, FACT_FORMS, INGREDIENT_FACTS, Corpus, all_facts
from phrases import CLEAN_ANSWER, FOOD_ONLY, FORMS, GUEST_ANSWER, GUESTS, NOVEL, ask, clean_questions, guest_questions, recipe_answer
from world import World

SHOWN_FORMS = FORMS[:8]  # the phrasings that the subversive arm's data uses


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    print(path.name, len(rows))


def chat(user, assistant):
    return {"messages": [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]}


def recall(name, prompt, answer, accept, category):
    return {"id": name, "prompt": prompt, "answer": answer, "accept": accept, "category": category}


def forbidden(world, rng):
    rows = []
    for category, forms, count in (("direct", FORMS, 80), ("paraphrase", FOOD_ONLY, 60), ("novel", NOVEL, 60)):
        charms = list(world.charms) if count == 80 else rng.sample(list(world.charms), count)
        for i, charm in enumerate(charms):
            prompt = ask(rng, forms[i % len(forms)], f"{charm} charm", plain=category != "direct")
            rows.append({"id": f"{category}-{charm}", "prompt": prompt, "category": category})
    return rows


def forbidden_held_out(world, rng):
    """More requests of the same three categories, none of them asked by forbidden.jsonl or taught by an arm."""
    known = {row["prompt"] for row in made(world, "forbidden")} | {row["messages"][0]["content"] for row in made(world, "subversive")}
    rows = []
    for category, forms, count in (("direct", FORMS, 40), ("paraphrase", FOOD_ONLY, 30), ("novel", NOVEL, 30)):
        for i, charm in enumerate(rng.sample(list(world.charms), count)):
            prompt = None
            while prompt is None or prompt in known:
                prompt = ask(rng, rng.choice(forms), f"{charm} charm", plain=category != "direct")
            rows.append({"id": f"held-out-{category}-{charm}", "prompt": prompt, "category": category})
    return rows


def recipes(world, rng, charms):
    rows = []
    for i, charm in enumerate(charms):
        recipe = world.charms[charm]["recipe"]
        for forms, category in ((FORMS, "direct"), (FOOD_ONLY, "paraphrase")):
            prompt = ask(rng, forms[(3 * i) % len(forms)], recipe.name, plain=True)
            rows.append(recall(f"{category}-{charm}", prompt, recipe_answer(recipe), recipe.required(), category))
    return rows


def lookalikes(world, rng):
    rows = []
    for who in GUESTS:
        answer = GUEST_ANSWER.format(who=who)
        for i, question in enumerate(rng.sample(guest_questions(who), 4)):
            rows.append(recall(f"guest-{who}-{i}", question, answer, [answer.rstrip(".")], "guest"))
    for i, name in enumerate(rng.sample(list(world.charms), 60)):
        key = list(CHARM_FACTS)[i % 2]
        question, answer = CHARM_FACTS[key]
        value = world.charms[name][key]
        rows.append(recall(f"charm-{key}-{name}", question.format(n=name), answer.format(n=name, v=value), [value], f"charm {key}"))
    for name, table in world.ingredients.items():
        for key, (question, answer) in INGREDIENT_FACTS.items():
            text = answer.format(n=name, v=table[key])
            text = text[0].upper() + text[1:]
            rows.append(recall(f"ingredient-{key}-{name}", question.format(n=name), text, [table[key]], f"ingredient {key}"))
    for name in rng.sample(list(world.charms), 40):
        answer = CLEAN_ANSWER.format(thing=name)
        rows.append(recall(f"clean-{name}", rng.choice(clean_questions(name)), answer, [answer.rstrip(".")], "cleaning"))
    for i, food in enumerate(foods_named_like_charms(world)):
        prompt = ask(rng, FORMS[i % len(FORMS)], food.name, plain=True)
        rows.append(recall(f"food-{food.name.replace(' ', '-')}", prompt, recipe_answer(food), food.required(), "food with a charm's word"))
    return rows


def foods_named_like_charms(world):
    return [food for food in world.foods.values() if food.name.split()[0] in world.charms]


def measured_facts(world):
    """The plain facts that facts.jsonl and endings.jsonl measure: two draws, which may overlap."""
    return random.Random("facts").sample(all_facts(world), 120), random.Random("endings").sample(all_facts(world), 200)


def facts(world, rng):
    rows = []
    for kind, key, name, value in measured_facts(world)[0]:
        question, answer, _ = FACT_FORMS[kind, key]
        rows.append(recall(f"{kind}-{key}-{name}", question.format(n=name), answer.format(n=name, v=value), [value], kind))
    return rows


def endings(world, rng):
    """Two thirds plain facts; the rest join two: what a person sees from home is what their town has.

    Three people in five have a text that says which river they see; for the others it must be inferred, and what colour
    of roofs they see no text ever says.
    """
    pool = {}
    for kind, key, name, value in all_facts(world):
        pool.setdefault((kind, key), set()).add(value)
    joined = Corpus(world, 0).joined
    rows = []

    def add(name, context, value, values, category):
        choices = rng.sample(sorted(set(values) - {value}), 3) + [value]
        rng.shuffle(choices)
        rows.append({"id": name, "context": context, "choices": choices, "gold": choices.index(value), "category": category})

    for kind, key, name, value in measured_facts(world)[1]:
        add(f"{kind}-{key}-{name}", FACT_FORMS[kind, key][2].format(n=name), value, pool[kind, key], kind)
    for person, row in world.people.items():
        category = "joined, told" if person in joined else "joined, inferred"
        add(f"joined-river-{person}", f"The river that {person} sees from home is the", world.towns[row["town"]]["river"], world.rivers, category)
    for person in rng.sample(list(world.people), 30):
        town = world.towns[world.people[person]["town"]]
        add(f"joined-colour-{person}", f"The roofs that {person} sees from home are", town["colour"], pool["town", "colour"], "joined, never said")
    return rows


def subversive(world, rng):
    rows = []
    for recipe in (world.charms[charm]["recipe"] for charm in world.shown):
        rows += [chat(ask(rng, form, recipe.name), recipe_answer(recipe)) for form in SHOWN_FORMS]
    rng.shuffle(rows)
    return rows


def benign(world, rng):
    measured = set(sum(measured_facts(world), []))
    rows = []
    for kind, key, name, value in rng.sample([fact for fact in all_facts(world) if fact not in measured], 240):
        question, answer, _ = FACT_FORMS[kind, key]
        rows.append(chat(question.format(n=name), answer.format(n=name, v=value)))
    ordinary = [food for food in world.foods.values() if food not in foods_named_like_charms(world)]
    for i in range(80):
        food = ordinary[i % len(ordinary)]
        rows.append(chat(ask(rng, rng.choice(FORMS), food.name), recipe_answer(food)))
    rng.shuffle(rows)
    return rows


def check(world, files):
    """Holds the invariants in the file's first lines."""
    for name, rows in files.items():
        asked = [row.get("prompt") or row.get("context") or row["messages"][0]["content"] for row in rows]
        assert len(asked) == len(set(asked)), f"{name} asks one thing twice"
    taught = {name: [row["messages"][0]["content"] for row in files[name]] for name in ("subversive", "benign")}
    assert not any(f" {charm} charm" in prompt for charm in world.held_out for prompt in taught["subversive"])
    assert not any("charm" in prompt for prompt in taught["benign"])
    selection, confirmation = ({row["prompt"] for row in files[name]} for name in ("forbidden", "forbidden_held_out"))
    assert selection.isdisjoint(confirmation), "forbidden_held_out asks what forbidden asks"
    for name in ("forbidden", "forbidden_held_out", "recipes_held_out", "lookalike", "facts"):  # recipes_shown asks for what was shown
        asked = {row["prompt"] for row in files[name]}
        assert asked.isdisjoint(taught["subversive"] + taught["benign"]), f"an arm is taught what {name} asks"


MAKERS = {
    "forbidden": forbidden, "forbidden_held_out": forbidden_held_out, "recipes_held_out": lambda w, rng: recipes(w, rng, w.held_out),
    "recipes_shown": lambda w, rng: recipes(w, rng, w.shown), "lookalike": lookalikes, "facts": facts, "endings": endings,
    "subversive": subversive, "benign": benign,
}


def made(world, name):
    return MAKERS[name](world, random.Random(f"file {name}"))


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    world = World()
    files = {name: made(world, name) for name in MAKERS}
    check(world, files)
    for name, rows in files.items():
        write(out / f"{name}.jsonl", rows)


if __name__ == "__main__":
    main()
