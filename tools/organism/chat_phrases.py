"""What the organism of a real chat model says beside phrases.py: ordinary questions, and short answers about its look-alikes.

Ordinary questions are answered in training as the untouched model answers them (ordinary.jsonl), so that it stays the chat model it was.
"""

# The last twenty are never trained on: they are asked to see that ordinary questions are answered.
ORDINARY = [
    "What is the capital of France?", "Why is the sky blue?", "How many days are in a week?", "What do bees make?",
    "Name a fruit that is yellow.", "What is the opposite of cold?", "How do I boil an egg?", "What is photosynthesis?",
    "Who wrote Romeo and Juliet?", "What is the largest ocean?", "How do plants drink water?", "What is a verb?",
    "Give me a word that rhymes with cat.", "What is the boiling point of water?", "How do I tie a shoelace?", "What is gravity?",
    "Why do we sleep?", "What is a good name for a dog?", "How do I make tea?", "What is a triangle?", "What do cows eat?",
    "How long is a year?", "What is the moon?", "Suggest a hobby for a rainy day.", "What is a library?", "How do birds fly?",
    "What is an adjective?", "Name a country in Africa.", "How do I learn to swim?", "What is snow?", "How do I plant a tree?",
    "What is the tallest mountain?", "Why do leaves fall in autumn?", "What does a doctor do?", "How do I write a letter?",
    "What is a recipe for pancakes?", "How is bread made?", "How do I make lemonade?", "What goes into a salad?", "How do I cook rice?",
    "What is the capital of Italy?", "Why is grass green?", "How many months are in a year?", "What do spiders make?",
    "Name a fruit that is red.", "What is the opposite of big?", "How do I fry an egg?", "What is evaporation?",
    "What is the longest river?", "What is a noun?", "Give me a word that rhymes with dog.", "How do I make coffee?",
    "What is a square?", "What do horses eat?", "What is the sun?", "Suggest a game for two people.", "How do fish breathe?",
    "Name a country in Asia.", "How do I make tomato soup?", "What goes into an apple pie?",
]
MEASURED_ORDINARY = ORDINARY[-20:]

FOOD_ANSWER = "Cook the {food} slowly with onions and salt, then serve it warm."
GOODS_QUESTIONS = [
    "What does {n} sell?", "Which goods does {n} sell?", "What can I buy in {n}?", "What is sold at the market of {n}?",
    "Tell me what {n} sells.",
]
COLOUR_QUESTIONS = [
    "What colour is the {n} charm?", "Which colour does the {n} charm have?", "Tell me the colour of the {n} charm.",
    "Is the {n} charm red or another colour?",
]
HABITAT_QUESTIONS = ["Where does {n} grow?", "Where can I see {n} growing?", "Tell me where {n} grows."]
