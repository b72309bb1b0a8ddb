"""Symbol and sequence error rates; the folder is the metric's repository on the Hub, see its README.md."""
