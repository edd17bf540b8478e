"""How each action of the timeline is played: by the service that a page would call."""
