"""Four-part chorales: BachBot, TonicNet, Coconet and Music Transformer."""
