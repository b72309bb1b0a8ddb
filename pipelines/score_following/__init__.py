"""Score following: the features that a follower hears."""
