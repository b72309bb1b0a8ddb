"""Follow a recording, or the microphone, in the pages of its score."""
