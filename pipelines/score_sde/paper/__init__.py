"""The paper's preset: its network and process."""
