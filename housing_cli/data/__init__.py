"""Tables of houses and their schema."""
