NAME = "rolling"
SHORT = USUAL = 5
def missing(_world):
    return "it is not written yet"
def run(stage, seconds):
    pass
