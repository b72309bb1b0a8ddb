"""MusicScore: pages of printed music paired with what IMSLP says about the work."""
