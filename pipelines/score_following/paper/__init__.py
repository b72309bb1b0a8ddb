"""The paper's preset: its recurrent follower."""
