"""Score-SDE piano rolls: a diffusers pipeline; the folder is its Hub repository."""
