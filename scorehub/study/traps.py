"""What a study's numbers do not mean."""

from scorehub.study.settings import StudyConfig

OWN_ITEMS = "Test items of scenarios with M or L for A2S are chosen by the A2S model itself."


def list_traps(config: StudyConfig) -> list[str]:
    """Traps of the protocol, those of these settings among them."""
    traps = [
        "The A2S model chooses its own test items in scenarios 2, 3, 5, 6, 8 and 9: those in which it errs little. So "
        "its error rate there is low by construction, and says nothing of other items.",
        "Each A2S model chooses other items, so the rows of baseline and GradSPSA in table 3 are not of the same "
        "staves. Table 7 is, of those that both chose.",
        "The original scheme tests one fold of five, picked by its validation error. That is no mean over folds, and "
        "its interval does not know of the picking.",
        "Scenarios are named by the error rates that OMR was meant to have; which it has is in table 6.",
        "Weights, scales and methods are chosen here on validation staves. The published code lists the test error of "
        "every weight, and names no rule by which one is chosen.",
        "The language model is of the training part. The published code writes for its word graphs the transcriptions "
        "of the test part alone. That the thesis has too few counts for its smoothing in just those scenarios that "
        "have few test items points the same way. With a language model that knows the test staves, fusion looks far "
        "better than it is.",
        "GradSPSA's A2S sees the picture too. Its gain over the baseline, which only hears, is not one of hearing "
        "alone; table 8 has it without the interaction block, so without the picture.",
        "Intervals draw staves as if each were independent. Staves of one source are alike, and there is one training "
        "a network: chance between trainings is not in the intervals.",
        "Sound is synthesised from the tokens, and items with long rests are left out of the published subset.",
    ]
    if config.beside == "all":
        traps.append(
            "GradSPSA looks through an OMR network that learned from the whole training part, also in scenarios whose "
            "own OMR learned from a few per cent; table 6 has that network alone. `--beside scenario` takes the "
            "scenario's own."
        )
    if config.lists_dir:
        traps.append(
            "In the published folds some test items share their source with training items; table 1 counts them."
        )
    if config.sample < 1:
        traps.append(
            "A simple random sample of each list is used. The thesis samples for GradSPSA alone and trains the "
            "baseline on all; here both have the same items."
        )
    if config.shares:
        traps.append("OMR learns from other shares of the training part than the published ones; see table 1.")
    return traps


def describe(config: StudyConfig) -> str:
    """What was done, in a line."""
    data = "published lists" if config.lists_dir else "incipits, engraved; folds by source"
    size = f"width {config.width:g}, preset {config.preset}, seed {config.seed}"
    amount = f"{100 * config.sample:g} % of each part"
    return f"Data: {data}; {amount}. Networks: {size}, GradSPSA beside the OMR of {config.beside}."
