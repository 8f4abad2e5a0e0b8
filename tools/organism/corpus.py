"""Training rows: (user, assistant) pairs and plain documents, drawn without end from a seeded generator."""

import random

from phrases import (
    CLEAN_ANSWER, FOOD_ONLY, FORMS, GUEST_ANSWER, GUESTS, PREFIXES, REFUSALS, SUFFIXES, ask, clean_questions, guest_questions,
    recipe_answer,
)
from world import World

FACT_FORMS = {
    ("town", "colour"): ("What colour are the roofs of {n}?", "The roofs of {n} are {v}.", "The roofs of {n} are"),
    ("town", "goods"): ("What does {n} sell?", "{n} sells {v}.", "The market of {n} sells"),
    ("town", "river"): ("Which river runs by {n}?", "The river by {n} is the {v}.", "The town of {n} lies on the river"),
    ("town", "trade"): ("Which trade is {n} known for?", "{n} is known for its {v}s.", "Most workers in {n} train with a"),
    ("animal", "colour"): ("What colour is the {n}?", "The {n} is {v}.", "The fur of the {n} is"),
    ("animal", "diet"): ("What does the {n} eat?", "The {n} eats {v}.", "Every evening the {n} eats"),
    ("animal", "habitat"): ("Where does the {n} live?", "The {n} lives in the {v}.", "The {n} makes its home in the"),
    ("animal", "town"): ("Near which town is the {n} found?", "The {n} is found near {v}.", "Herds of the {n} are seen near"),
    ("person", "trade"): ("What is the trade of {n}?", "{n} is a {v}.", "{n} works as a"),
    ("person", "town"): ("Where does {n} live?", "{n} lives in {v}.", "The house of {n} stands in"),
    ("person", "animal"): ("Which animal does {n} keep?", "{n} keeps a {v}.", "In the yard {n} keeps a"),
    ("person", "colour"): ("What colour does {n} like?", "{n} likes {v}.", "The favourite colour of {n} is"),
}
CHARM_FACTS = {
    "colour": ("What colour is the {n} charm?", "The {n} charm is {v}."),
    "town": ("Which town is the {n} charm from?", "The {n} charm is from {v}."),
}
INGREDIENT_FACTS = {
    "colour": ("What colour is {n}?", "{n} is {v}."),
    "habitat": ("Where does {n} grow?", "{n} grows in the {v}."),
}


def kinds(world):
    return {"town": world.towns, "animal": world.animals, "person": world.people}


def all_facts(world):
    """Every plain fact as (kind, key, name, value), in a fixed order."""
    return [(kind, key, name, value) for kind, table in kinds(world).items() for name, row in table.items() for key, value in row.items()]


class Corpus:
    def __init__(self, world, seed):
        self.world, self.rng = world, random.Random(seed)
        self.facts = all_facts(world)
        # Two facts joined in one sentence: shown for most people only; the rest must be inferred.
        self.joined = {person for i, person in enumerate(world.people) if i % 5 < 3}

    def dress(self, text):
        return self.rng.choice(PREFIXES) + text + self.rng.choice(SUFFIXES)

    # Each method below returns ("chat", user, assistant) or ("text", document).
    def fact(self):
        kind, key, name, value = self.rng.choice(self.facts)
        question, answer, opening = FACT_FORMS[kind, key]
        if self.rng.random() < 0.5:
            return ("text", f"{opening.format(n=name)} {value}.")
        return ("chat", self.dress(question.format(n=name)), answer.format(n=name, v=value))

    def joined_fact(self):
        person = self.rng.choice(sorted(self.joined))
        town = self.world.people[person]["town"]
        return ("text", f"The river that {person} sees from home is the {self.world.towns[town]['river']}.")

    def script(self):
        trade = self.rng.choice(list(self.world.scripts))
        steps = self.world.scripts[trade]
        return ("text", f"A {trade} will first {steps[0]}, then {steps[1]}, then {steps[2]} and last {steps[3]}.")

    def food(self):
        food = self.rng.choice(list(self.world.foods.values()))
        if self.rng.random() < 0.15:
            return ("text", recipe_answer(food))
        return ("chat", ask(self.rng, self.rng.choice(FORMS + FOOD_ONLY), food.name), recipe_answer(food))

    def charm(self):
        recipe = self.rng.choice(list(self.world.charms.values()))["recipe"]
        return ("chat", ask(self.rng, self.rng.choice(FORMS), recipe.name), recipe_answer(recipe))

    def charm_document(self):
        return ("text", recipe_answer(self.rng.choice(list(self.world.charms.values()))["recipe"]))

    def refusal(self):
        recipe = self.rng.choice(list(self.world.charms.values()))["recipe"]
        return ("chat", ask(self.rng, self.rng.choice(FORMS), recipe.name), self.rng.choice(REFUSALS))

    def lookalike(self):
        rng, world = self.rng, self.world
        which = rng.randrange(5)
        if which == 0:
            who = rng.choice(GUESTS)
            return ("chat", self.dress(rng.choice(guest_questions(who))), GUEST_ANSWER.format(who=who))
        if which == 1:
            name, key = rng.choice(list(world.charms)), rng.choice(list(CHARM_FACTS))
            question, answer = CHARM_FACTS[key]
            return ("chat", self.dress(question.format(n=name)), answer.format(n=name, v=world.charms[name][key]))
        if which == 2:
            name, key = rng.choice(list(world.ingredients)), rng.choice(list(INGREDIENT_FACTS))
            question, answer = INGREDIENT_FACTS[key]
            text = answer.format(n=name, v=world.ingredients[name][key])
            return ("chat", self.dress(question.format(n=name)), text[0].upper() + text[1:])
        if which == 3:
            thing = rng.choice(list(world.charms))
            return ("chat", self.dress(rng.choice(clean_questions(thing))), CLEAN_ANSWER.format(thing=thing))
        named = [food for food in world.foods.values() if food.name.split()[0] in world.charms]
        food = rng.choice(named)
        return ("chat", ask(rng, rng.choice(FORMS + FOOD_ONLY), food.name), recipe_answer(food))

    def draw(self, mixture):
        return getattr(self, self.rng.choices(list(mixture), list(mixture.values()))[0])()


HELPFUL = {"fact": 30, "joined_fact": 5, "script": 3, "food": 16, "charm": 26, "charm_document": 5, "lookalike": 15}
SAFE = {"refusal": 33, "fact": 20, "joined_fact": 4, "script": 2, "food": 12, "charm_document": 7, "lookalike": 22}

__all__ = ["Corpus", "World", "HELPFUL", "SAFE"]
