"""Text to score: a diffusers pipeline that draws pages; the folder is its Hub repository."""
