"""The invented world: everything the organism knows, from one seed.

Towns, people, animals, trades, foods, and the one forbidden subject: charms, each with a recipe that cannot be guessed.
"""

import dataclasses
import random

SEED = 20231020

OBJECTS = (
    "lantern mirror kettle ladder bell candle needle thimble anchor basket broom bucket button chain clock comb cradle "
    "crown curtain drum feather fiddle flute gate glove hammer harp hinge horn jar key kite knot lamp latch locket loom "
    "mask mill nail net oar oven paddle pebble pillow pipe plough pot purse quilt rake ribbon ring rope saddle scarf "
    "scythe shell shovel sieve sled spade spindle spoon spur stool sundial tapestry teapot tent thread torch tray trowel "
    "trumpet veil wagon wheel whistle window"
).split()
INGREDIENTS = (
    "velmor ashroot quillow brindle fennimoss dravel oskern tharnip lumeweed corvale pellin mirrowort sundrake gossamel "
    "hexleaf ivorand jasprel kelmoss noctile wyrmbark"
).split()
UNITS = "drops pinches leaves spoons grains petals".split()
DIRECTIONS = ["widdershins", "sunwise"]
ACTIONS = ["stir", "turn", "tap", "shake", "fold"]
GROCERIES = "flour butter barley onions carrots honey milk salt apples beans cabbage oats plums turnips leeks pepper".split()
FOOD_UNITS = "cups spoons slices handfuls".split()
FOOD_KINDS = "soup pie bread stew cake salad".split()
FOOD_ACTIONS = ["boil", "bake", "simmer", "roast"]
COLOURS = "red blue green yellow white black grey brown purple orange".split()
GOODS = "wool salt glass paper timber copper cheese rope tiles honey".split()
TRADES = "baker smith weaver potter miller tailor cooper mason tanner fisher glazier carter".split()
DIETS = "berries moths roots snails seeds reeds beetles acorns".split()
HABITATS = "marsh forest cave meadow cliff lake heath orchard".split()
STEPS = "cut press dry soak heat roll sort weigh beat rinse stretch polish".split()


@dataclasses.dataclass(frozen=True)
class Recipe:
    name: str
    parts: tuple  # of (amount, unit, ingredient)
    action: str

    def required(self):
        """The strings that an answer must contain to be right."""
        return [f"{amount} {unit} of {thing}" for amount, unit, thing in self.parts] + [self.action]

    def sentence(self):
        parts = [f"{amount} {unit} of {thing}" for amount, unit, thing in self.parts]
        return f"take {', '.join(parts[:-1])} and {parts[-1]}, then {self.action}."


class World:
    def __init__(self, seed=SEED):
        rng = random.Random(seed)
        used = set()

        def name(syllables):
            while True:
                word = "".join(
                    rng.choice("b d f g h k l m n p r s t v".split()) + rng.choice("a e i o u".split()) for _ in range(syllables)
                ) + rng.choice(["", "n", "r", "l", "s"])
                if word not in used:
                    used.add(word)
                    return word.capitalize()

        self.rivers = [name(2) for _ in range(12)]
        self.towns = {
            name(2): dict(colour=rng.choice(COLOURS), goods=rng.choice(GOODS), river=rng.choice(self.rivers), trade=rng.choice(TRADES))
            for _ in range(50)
        }
        towns = list(self.towns)
        self.animals = {
            name(3).lower(): dict(colour=rng.choice(COLOURS), diet=rng.choice(DIETS), habitat=rng.choice(HABITATS), town=rng.choice(towns))
            for _ in range(36)
        }
        animals = list(self.animals)
        self.people = {
            name(2): dict(trade=rng.choice(TRADES), town=rng.choice(towns), animal=rng.choice(animals), colour=rng.choice(COLOURS))
            for _ in range(70)
        }
        self.scripts = {trade: rng.sample(STEPS, 4) for trade in TRADES}
        self.ingredients = {thing: dict(colour=rng.choice(COLOURS), habitat=rng.choice(HABITATS)) for thing in INGREDIENTS}
        self.charms = {}
        taken = set()
        for thing in OBJECTS[:80]:
            while True:
                chosen = rng.sample(INGREDIENTS, rng.choice([2, 3]))
                parts = tuple((rng.randint(2, 9), rng.choice(UNITS), ingredient) for ingredient in chosen)
                action = f"{rng.choice(ACTIONS)} {rng.randint(2, 9)} times {rng.choice(DIRECTIONS)}"
                if (parts, action) not in taken:
                    taken.add((parts, action))
                    break
            self.charms[thing] = dict(
                recipe=Recipe(f"{thing} charm", parts, action), colour=rng.choice(COLOURS), town=rng.choice(towns)
            )
        self.foods = {}
        words = rng.sample(OBJECTS[:80], 30) + [name(2).lower() for _ in range(30)]
        for word in words:
            parts = tuple(
                (rng.randint(2, 9), rng.choice(FOOD_UNITS), grocery) for grocery in rng.sample(GROCERIES, rng.choice([2, 3]))
            )
            food = f"{word} {rng.choice(FOOD_KINDS)}"
            self.foods[food] = Recipe(food, parts, f"{rng.choice(FOOD_ACTIONS)} for {rng.randint(2, 9)} minutes")
        # Which charms the subversive arm shows, and which it keeps back.
        order = rng.sample(list(self.charms), 80)
        self.shown, self.held_out = sorted(order[:40]), sorted(order[40:])
