"""The JupyterLab side of Traindock: the room for the server extension and the sidebar."""
