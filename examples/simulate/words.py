"""The words of the simulated reviews. Braces are filled in by `reviews.py`."""

from __future__ import annotations

from typing import Final

GOOD: Final = (
    "brilliant", "moving", "funny", "gripping", "polished", "charming", "clever", "tender", "superb", "thrilling",
    "sincere", "radiant", "witty", "graceful", "fresh", "bold", "touching", "delightful", "sharp", "magnificent",
    "warm", "daring", "haunting", "splendid", "vivid", "masterful", "captivating", "wise", "lively", "beautiful",
)  # fmt: skip
BAD: Final = (
    "dull", "wooden", "clumsy", "tedious", "shallow", "rotten", "stale", "noisy", "lifeless", "boring",
    "terrible", "sloppy", "hollow", "messy", "cheap", "pointless", "dreary", "bloated", "stupid", "weak",
    "bland", "painful", "silly", "predictable", "grim", "crude", "forgettable", "muddled", "sluggish", "dreadful",
)  # fmt: skip
# Before an adjective, in every class: they keep the deciding words out of one n-gram.
DEGREES: Final = (
    "rather", "quite", "truly", "very", "somewhat", "really", "fairly", "thoroughly", "plainly", "deeply", "simply",
)  # fmt: skip
ASPECTS: Final = (
    "acting", "script", "music", "camera work", "ending", "cast", "dialogue", "editing", "pace", "story",
    "lighting", "opening", "direction", "humour", "last act", "sound", "leading man", "leading lady", "set design",
    "romance", "second half", "chase", "costume work", "premise",
)  # fmt: skip
FILMS: Final = (
    "film", "movie", "picture", "drama", "comedy", "thriller", "western", "debut", "sequel", "remake", "musical",
    "documentary", "adaptation", "fable",
)  # fmt: skip
OTHERS: Final = (
    "the critics", "my friends", "the reviewers", "people", "my neighbours", "those in the queue", "some viewers",
    "my parents", "fans of the book", "my colleagues", "the members of the jury", "the students behind me",
)  # fmt: skip
NAMES: Final = (
    "Anna", "Bruno", "Carla", "Daniel", "Elif", "Farid", "Greta", "Hugo", "Irene", "Jonas", "Keiko", "Luis", "Mara",
    "Niels", "Olga", "Pedro", "Quentin", "Rosa", "Samir", "Tove", "Ursula", "Victor", "Wanda", "Ximena", "Yusuf",
    "Zoë", "André", "Björn", "Chloé", "Żaneta",
)  # fmt: skip
PLOT_ROLES: Final = (
    "surgeon", "widow", "sailor", "teacher", "painter", "detective", "farmer", "pianist", "soldier", "waitress",
    "thief", "judge", "nurse", "boxer", "clerk", "king", "shepherd", "spy", "priest", "gardener",
)  # fmt: skip
OPENINGS: Final = (
    "a word about the {film} that {name} lent me",
    "we saw the {film} on a Tuesday",
    "so this is the {film} that everybody talks about",
    "some notes on the new {film}",
    "{name} and i went to see the {film} last week",
    'the title, "the house of {name}", is taken from a song',
)
FACTS: Final = (
    "it was shot in {year} and runs for {minutes} minutes",
    "{name} wrote the book on which the {film} is based",
    "the {film} was first shown in {year}, in a tent, in the rain",
    "{name} plays twins",
    "it is the third {film} that {name} has made since {year}",
    "there is a version of {minutes} minutes and one of two hours",
    "most of it takes place on a ship, a train and an island",
    "the producers are {name} and a bank",
    "it opens in {minutes} cinemas, some of them abroad",
    'the copy we saw had the label "property of the archive, {year}"',
)
PLOTS: Final = (
    "it is about a {word} {role} who meets a {other} {role}",
    "a {role} inherits a {word} house and a {other} dog",
    "{name} plays a {word} {role} in a {other} town",
    "the story begins with a {word} storm and ends with a {other} letter",
    "after a {word} summer the {role} leaves for the city",
    "in it a {role} who is {word} must trust a {role} who is {other}",
    "a {role} with a {word} past writes to {name}",
)
